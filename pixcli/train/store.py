"""Store: thousands of pictures decoded once into one memory map, so that a crop costs a copy."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class Source:
    """One training set: a folder of pictures (searched below) or of tar shards, and how to cut it to size.

    folder: below PIXCLI_DATA. share: how much of a batch comes from here, beside the others' shares.
    reductions: copies reduced by these factors (antialiased), which are sharper than the original.
    short_side: reduced to this shorter side when larger. colourful: mean spread between the channels, in
    8-bit steps, under which a picture is left out. hold_every: every so many pictures one is kept for
    validation. optional: the recipe does without it where it is missing. title, licence: for the card.
    """

    folder: str
    share: float = 1.0
    reductions: tuple[float, ...] = (1.0,)
    short_side: int | None = None
    colourful: float = 0.0
    hold_every: int = 0
    optional: bool = False
    title: str = ""
    licence: str = ""


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(name, encoded bytes) of every picture below folder, tar shards included, in the order of names."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix.lower() in SUFFIXES:
            yield path.relative_to(folder).as_posix(), path.read_bytes()
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                for member in tar:
                    stream = tar.extractfile(member)
                    if stream is not None and Path(member.name).suffix.lower() in SUFFIXES:
                        yield f"{path.stem}/{member.name}", stream.read()


def _decode(source: Source, data: bytes) -> list[NDArray[np.uint8]]:
    with Image.open(io.BytesIO(data)) as file:
        picture = file.convert("RGB")
    if source.short_side and min(picture.size) > source.short_side:
        picture = picture.reduce(max(1, min(picture.size) // (2 * source.short_side)))
        f = source.short_side / min(picture.size)
        picture = picture.resize(
            (round(picture.width * f), round(picture.height * f)), Image.Resampling.LANCZOS
        )
    if source.colourful:
        small = np.asarray(picture.resize((32, 32), Image.Resampling.BOX), dtype=np.float32)
        if np.ptp(small, axis=2).mean() < source.colourful:
            return []
    sizes = [(round(picture.width * f), round(picture.height * f)) for f in source.reductions]
    copies = [picture if s == picture.size else picture.resize(s, Image.Resampling.LANCZOS) for s in sizes]
    return [np.asarray(c, dtype=np.uint8) for c in copies]


class Store:
    """Pictures of one source; `store[i]` is a read-only view (H, W, 3) uint8.

    held: only every hold_every-th picture, else all others.
    """

    def __init__(self, source: Source, data: Path, cache: Path, *, held: bool = False) -> None:
        self.source = source
        folder = data / source.folder
        if not folder.is_dir():
            raise FileNotFoundError(f"training set not found: {folder}")
        cut = (source.reductions, source.short_side, source.colourful)
        here = [(p.name, p.stat().st_size) for p in sorted(folder.rglob("*")) if p.is_file()]
        key = hashlib.sha256(f"{folder} {cut} {here}".encode()).hexdigest()[:16]
        pixels, index = cache / f"{key}.u8", cache / f"{key}.json"
        if not index.exists():
            self._pack(folder, pixels, index)
        rows = json.loads(index.read_text())
        self.names: list[str] = [r[0] for r in rows]
        self._rows = [(r[1], r[2], r[3]) for r in rows]
        self._pixels = np.memmap(pixels, dtype=np.uint8, mode="r")
        if source.hold_every:
            stems = sorted(set(self.names))
            kept = set(stems[:: source.hold_every])
            chosen = [i for i, n in enumerate(self.names) if (n in kept) == held]
            self.names = [self.names[i] for i in chosen]
            self._rows = [self._rows[i] for i in chosen]
        # a large picture holds more crops than a small one
        area = np.array([h * w for _, h, w in self._rows], dtype=np.float64)
        self.weights = area / area.sum()
        self._cumulative = np.cumsum(self.weights)

    def _pack(self, folder: Path, pixels: Path, index: Path) -> None:
        pixels.parent.mkdir(parents=True, exist_ok=True)
        rows, at = [], 0
        partial = pixels.with_suffix(".partial")
        with partial.open("wb") as out, ThreadPoolExecutor(2) as pool:
            names: list[str] = []
            pending = []
            for name, data in _files(folder):
                names.append(name)
                pending.append(pool.submit(_decode, self.source, data))
                if len(pending) < 256:
                    continue
                rows += (done := self._write(out, names, pending, at))
                at = done[-1][1] + done[-1][2] * done[-1][3] * 3 if done else at
                names, pending = [], []
            rows += self._write(out, names, pending, at)
        partial.replace(pixels)
        index.write_text(json.dumps(rows))

    @staticmethod
    def _write(out, names, pending, at):  # type: ignore[no-untyped-def]
        rows = []
        for name, job in zip(names, pending, strict=True):
            for picture in job.result():
                out.write(picture.tobytes())
                rows.append((name, at, *picture.shape[:2]))
                at += picture.size
        return rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        at, h, w = self._rows[i]
        return self._pixels[at : at + h * w * 3].reshape(h, w, 3)

    def pick(self, rng: np.random.Generator, *, by_area: bool = False) -> NDArray[np.uint8]:
        """One picture at random, each as likely as the next, or by its area."""
        if by_area:
            return self[
                int(np.searchsorted(self._cumulative, rng.random(), side="right").clip(0, len(self) - 1))
            ]
        return self[int(rng.integers(len(self)))]


def crop(
    picture: NDArray[np.uint8], height: int, width: int, rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    """A (height, width, 3) view at a random place, or None when the picture is smaller."""
    h, w = picture.shape[:2]
    if h < height or w < width:
        return None
    y, x = int(rng.integers(h - height + 1)), int(rng.integers(w - width + 1))
    return picture[y : y + height, x : x + width]
