"""Weights that Keras wrote: HDF5, read with the extra `keras`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixcli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 1 << 31  # bytes of all tensors together


def is_hdf5(path: Path) -> bool:
    """By its first bytes; False too for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError:
        return False


def read_hdf5(path: Path) -> dict[str, Tensor]:
    """Every array of floats in the file, by its path within it. Raises WeightsError."""
    try:
        import h5py
    except ImportError:
        raise WeightsError(f"{path}: weights of Keras", "pip install 'pixcli[keras]' reads them") from None
    import torch

    arrays: dict[str, Any] = {}
    try:
        with h5py.File(path, "r") as file:

            def visit(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
                    arrays[name] = item

            file.visititems(visit)
            if sum(item.nbytes for item in arrays.values()) > LIMIT:
                raise WeightsError(f"{path}: would unpack to more than {LIMIT} bytes; it was not read")
            return {name: torch.from_numpy(item[()]) for name, item in arrays.items()}
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as e:
        raise WeightsError(f"{path}: damaged: {str(e).partition(chr(10))[0]}") from None
