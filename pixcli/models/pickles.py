"""Published checkpoints are pickles, and pickles are programs: only torch's `weights_only` reader opens them.

It may still be a bomb: the sizes in a zip's directory are compared before anything is unpacked.
"""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixcli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".pth", ".pt", ".ckpt", ".h5")  # .h5: DeblurGAN-v2 named its pickles so
WRAPPERS = ("params_ema", "params", "state_dict", "model", "G")  # where trainers put the state dict
HINT = "only plain tensors are read, never programs"


def read_pickle(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of torch.save, without the prefix "module."; nothing is executed.

    Raises WeightsError.
    """
    import torch

    try:
        if not path.is_file():
            raise WeightsError(f"{path}: there is no such file")
        if path.stat().st_size == 0:
            raise WeightsError(f"{path}: is empty")
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                _no_bomb(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as e:
        raise WeightsError(f"{path}: cannot be read: {e.strerror}") from None
    except (*_FAULTS, RuntimeError):
        # torch's own text tells how to switch the protection off: it is not passed on
        raise WeightsError(f"{path}: no state dict of tensors, or damaged, or a program", HINT) from None
    for key in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
            break
    if not isinstance(found, dict) or not found:
        raise WeightsError(f"{path}: holds no state dict", HINT)
    for name, t in found.items():
        if not isinstance(name, str) or not isinstance(t, torch.Tensor):
            raise WeightsError(f"{path}: holds more than named tensors: {name!r}", HINT)
        if t.layout != torch.strided or t.device.type != "cpu" or t.is_quantized:
            raise WeightsError(f"{path}: {name!r} is no plain tensor", HINT)
        if t.numel() * t.element_size() > t.untyped_storage().nbytes():
            raise WeightsError(f"{path}: {name!r} claims more numbers than the file holds", HINT)
    return {name.removeprefix("module."): t for name, t in found.items()}


_FAULTS = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, MemoryError),
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError),
)


def _no_bomb(path: Path) -> None:
    """torch.save stores without compression, so an archive that would grow was not made by it."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    stored = all(e.compress_type == zipfile.ZIP_STORED and e.file_size == e.compress_size for e in entries)
    if not stored or sum(e.file_size for e in entries) > path.stat().st_size:
        size = sum(e.file_size for e in entries)
        raise WeightsError(f"{path}: would unpack to {size} bytes (a zip bomb?); it was not opened")
