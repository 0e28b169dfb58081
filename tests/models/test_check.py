"""No broken weight file gets through, and no file runs code."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pixcli.errors import WeightsError
from pixcli.models import find, load
from pixcli.models.check import fit, read_header, read_safetensors, require
from pixcli.models.pickles import read_pickle
from tests.models.tiny import METADATA, Tiny, file, header, numbers


def take(path: Path) -> None:
    """All that is done with a weight file before its network is used."""
    if path.suffix == ".safetensors":
        require(read_header(path).metadata, path, task="neutral", arch="tiny-conv")
        fit(read_safetensors(path)[0], Tiny(), path)
    else:
        fit(read_pickle(path), Tiny(), path)


class Program:
    def __reduce__(self) -> Any:
        return (open, ("marker", "w"))


def spoilt(name: str, **entry: Any) -> dict[str, Any]:
    found = header()
    found[name] = found[name] | entry
    return found


def twice(path: Path) -> Path:
    text = json.dumps(header())
    entry = text[text.index('"conv.bias"') : text.index("}", text.index('"conv.bias"')) + 1]
    return file(path, text.replace(entry, f"{entry}, {entry}"))


def with_number(bits: float) -> Callable[[Path], Path]:
    return lambda path: file(path, data=numbers()[:-4] + struct.pack("<f", bits))


def moved(path: Path) -> Path:
    end = header()["head.bias"]["data_offsets"][1]
    return file(path, spoilt("head.bias", data_offsets=[end, end + 16]))


BROKEN: dict[str, Callable[[Path], Any]] = {
    "is empty": lambda p: p.touch(),
    "web page": lambda p: p.write_text("\n<!DOCTYPE html><html>404</html>"),
    "Git LFS pointer": lambda p: p.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    ),
    "a pickle": lambda p: p.write_bytes(pickle.dumps(Program())),
    "cut short within its header": lambda p: p.write_bytes(file(p).read_bytes()[:60]),
    "cut short: ": lambda p: p.write_bytes(file(p).read_bytes()[:-200]),
    "too many": lambda p: p.write_bytes(file(p).read_bytes() + bytes(99)),
    "no safetensors file": lambda p: file(p, length=2**60),
    "would have 0 bytes": lambda p: file(p, length=0),
    "not JSON": lambda p: file(p, "{'a': 1}"),
    "is not JSON": lambda p: file(p, "[" * 100_000),
    "not UTF-8": lambda p: file(p, b'{"\xff": 1}'),
    "no JSON object": lambda p: file(p, "[1]"),
    "stands twice": twice,
    "does not begin": lambda p: file(p, spoilt("conv.bias", data_offsets=[0, 32])),
    "head.bias": moved,
    "bytes, which is not": lambda p: file(p, spoilt("conv.bias", data_offsets=[896, 864])),
    "of type 'F128'": lambda p: file(p, spoilt("conv.bias", dtype="F128")),
    "of type 'I32'": lambda p: file(p, spoilt("conv.bias", dtype="I32")),
    "times its type": lambda p: file(p, spoilt("conv.bias", dtype="F16")),
    "impossible shape": lambda p: file(p, spoilt("conv.bias", shape=[-8])),
    "is not its shape": lambda p: file(p, spoilt("conv.bias", shape=[2**62, 8])),
    "impossible": lambda p: file(p, spoilt("conv.bias", shape=[True] * 9)),
    "not described": lambda p: file(p, header() | {"conv.bias": 3}),
    "metadata are not texts": lambda p: file(p, header() | {"__metadata__": {"task": 1}}),
    "the shape 3×8×3×3": lambda p: file(p, spoilt("conv.weight", shape=[3, 8, 3, 3])),
    "holds NaN": with_number(float("nan")),
    "infinite": with_number(float("inf")),
    "'head.bias' is missing": lambda p: file(
        p, {k: v for k, v in header().items() if k != "head.bias"}, numbers()[:-16]
    ),
    "'more' is not in": lambda p: file(
        p,
        header() | {"more": {"dtype": "F32", "shape": [1], "data_offsets": [1040, 1044]}},
        numbers() + bytes(4),
    ),
    "and 1 more are missing": lambda p: file(
        p, {f"module.{k}" if k[0] != "_" else k: v for k, v in header().items()}
    ),
    "is for task 'depth'": lambda p: file(p, header() | {"__metadata__": METADATA | {"task": "depth"}}),
    "does not say which task": lambda p: file(p, header() | {"__metadata__": {}}),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_safetensors_is_refused_in_one_line(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.safetensors"
    BROKEN[words](path)
    with pytest.raises(WeightsError) as fault:
        take(path)
    assert words in str(fault.value)
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)
    with pytest.raises(WeightsError):
        load(find(str(path), "superres"))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_a_whole_safetensors_is_accepted(dtype: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    kind = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[dtype]
    path = tmp_path / "weights.safetensors"
    save_file({k: v.to(kind) for k, v in Tiny().state_dict().items()}, path, METADATA)
    assert read_header(path).metadata == METADATA
    take(path)


def test_folders_missing_and_special_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for name in (
        "fifo.safetensors",
        "folder.safetensors",
        "none.safetensors",
        "none.pth",
        "nul\0.safetensors",
    ):
        with pytest.raises(WeightsError):
            take(tmp_path / name)


def bomb(path: Path) -> None:
    torch.save(Tiny().state_dict(), path)
    with zipfile.ZipFile(path) as source:
        entries = {i.filename: source.read(i) for i in source.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in entries.items():
            target.writestr(name, bytes(10_000_000) if name.endswith("data/0") else data)


def huge_view(path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1).expand(2**40)}, path)


BROKEN_PICKLES: dict[str, Callable[[Path], Any]] = {
    "is empty": lambda p: p.touch(),
    "or a program": lambda p: torch.save({"conv.weight": Program()}, p),
    "only plain tensors": lambda p: p.write_bytes(pickle.dumps(Program())),
    "or damaged": lambda p: (torch.save(Tiny().state_dict(), p), p.write_bytes(p.read_bytes()[:1500])),
    "zip bomb": bomb,
    "more numbers than the file holds": huge_view,
    "more than named tensors": lambda p: torch.save({"epoch": 3}, p),
    "holds no state dict": lambda p: torch.save(torch.zeros(3), p),
}


@pytest.mark.parametrize("words", BROKEN_PICKLES)
def test_a_broken_pickle_is_refused_and_runs_nothing(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    BROKEN_PICKLES[words](path)
    (tmp_path / "marker").unlink(missing_ok=True)
    with pytest.raises(WeightsError) as fault:
        take(path)
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)
    assert "weights_only" not in str(fault.value)  # torch's text would tell how to switch it off
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: {"state_dict": d, "epoch": 3}])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_plain_state_dict_is_read(
    wrap: Callable[[dict[str, Any]], Any], zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    state = {f"module.{k}": v for k, v in Tiny().state_dict().items()}
    torch.save(wrap(state), path, _use_new_zipfile_serialization=zipped)
    take(path)


def test_the_collected_broken_files_are_taken_as_their_manifest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    folder = Path(os.environ["PIXCLI_DATA"], "inputs/weights_bad").resolve()
    monkeypatch.chdir(tmp_path)
    for row in json.loads((folder / "manifest.json").read_text())["files"]:
        path = folder / row["file"]
        if row["expect"] == "refuse":
            with pytest.raises(WeightsError, match=r"^[^\n]*$"):
                take(path)
        else:
            take(path)
        with pytest.raises(WeightsError):  # no network of ours, not even the whole ones
            load(find(str(path), "superres"))
    assert not list(tmp_path.iterdir())  # no marker of a program that ran
