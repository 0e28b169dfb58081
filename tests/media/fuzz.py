"""Damaged pictures by the thousand: `python -m tests.media.fuzz --cases 5000 [--seed 1]`.

Each case changes one file of a corpus (pictures made here, and those of PIXCLI_DATA where that is set), reads
every frame of it and writes the first. Workers with a limit of memory and of time for each case do that;
anything but a picture or an InputError of one line is told, with the seed that makes it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pixcli.errors import InputError
from pixcli.media import Picture, Ride, encode, frames, plan_format, write_frames
from pixcli.media.kind import SUFFIXES

SECONDS, BYTES = 20, 2 << 30  # that a case may take
_ROOM = 2 << 30  # address space that the libraries take without using it
_LARGEST = 200_000  # bytes of a file to start from
_EXTRAS = {"HEIC": "pillow_heif", "EXR": "OpenEXR"}


def corpus(folder: Path) -> list[tuple[str, bytes]]:
    """Names and contents, in a steady order; made in `folder` when it is empty."""
    if not any(folder.iterdir()):
        _draw(folder)
    files = sorted(folder.iterdir())
    if "PIXCLI_DATA" in os.environ:
        good = Path(os.environ["PIXCLI_DATA"]) / "inputs" / "good"
        files += sorted(p for p in good.rglob("*.*") if p.parent.name != "film" and p.suffix != ".json")
    return [(p.name, p.read_bytes()) for p in files if p.is_file() and p.stat().st_size <= _LARGEST]


def _draw(folder: Path) -> None:
    draw = np.random.default_rng(0)
    for name, suffix in SUFFIXES.items():
        if name in _EXTRAS and find_spec(_EXTRAS[name]) is None:
            continue
        for channels, alpha in ((1, False), (3, False), (3, True)):
            values = draw.integers(0, 256, (24, 31, channels), np.uint8)
            cover = values[..., 0] if alpha else None
            for tail, dtype in (("", np.uint8), ("_16", np.uint16)):
                scale = 257 if dtype is np.uint16 else 1
                beside = None if cover is None else cover.astype(dtype) * dtype(scale)
                made = Picture(values.astype(dtype) * dtype(scale), beside)
                (folder / f"{channels}{alpha:d}{tail}{suffix}").write_bytes(encode(made, name))
    stills = [Picture(draw.integers(0, 256, (9, 11, 3), np.uint8), None, Ride()) for _ in range(3)]
    for suffix in (".png", ".gif", ".webp", ".tif", ".avif"):
        write_frames(stills, folder / f"moving{suffix}")


def damaged(files: list[tuple[str, bytes]], seed: int) -> tuple[str, bytes]:
    """One of the files, changed; the same for the same seed."""
    draw = random.Random(seed)
    name, content = draw.choice(files)
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4))):
        if not data:
            break
        _damage(data, files, draw)
    return name, bytes(data)


def _damage(data: bytearray, files: list[tuple[str, bytes]], draw: random.Random) -> None:
    end = len(data) if draw.random() < 0.5 else min(len(data), 300)  # the header is where it hurts
    at = draw.randrange(end)
    what = draw.randrange(7)
    if what == 0:
        for _ in range(draw.randint(1, 12)):
            data[draw.randrange(end)] ^= 1 << draw.randrange(8)
    elif what == 1:
        del data[at:]
    elif what == 2:
        size = draw.choice((1, 2, 4, 8))
        value = draw.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, draw.getrandbits(32)))
        data[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, draw.choice(("big", "little")))
    elif what == 3:
        other = draw.choice(files)[1]
        start = draw.randrange(len(other))
        data[at:] = other[start:]
    elif what == 4:
        start, length = draw.randrange(len(data)), draw.randint(1, 200)
        data[at:at] = data[start : start + length] * draw.choice((1, 2, 50))
    elif what == 5:
        del data[at : at + draw.randint(1, 40)]
    else:
        length = draw.randint(1, 40)
        data[at : at + length] = bytes(draw.choices(range(256), k=length))


def attempt(name: str, data: bytes, path: Path) -> str:
    """ "decoded" or "refused". Raises whatever else happens."""
    path = path.with_suffix(Path(name).suffix)
    path.write_bytes(data)
    try:
        for number, picture in enumerate(frames(path)):
            assert picture.pixels.size
            if number == 0 and picture.pixels.size < 1_000_000:
                encode(picture, plan_format(picture)[0])
    except InputError as e:
        said = str(e)
    else:
        return "decoded"
    finally:
        path.unlink()
    assert said.isprintable(), ascii(said)
    assert len(said) < 250, said
    return "refused"


def most_held() -> int:
    """Bytes that this process has held at once; getrusage counts what the one that began it held, too."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def work(folder: Path, first: int, last: int) -> None:
    """Cases first … last - 1; a line for each begins before it does, so that a death can be told."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (BYTES + _ROOM, BYTES + _ROOM))
    files = corpus(folder)
    for seed in range(first, last):
        name, data = damaged(files, seed)
        print(f"\n@{seed} {name}", flush=True)  # libraries print, too
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        began = time.perf_counter()
        try:
            outcome = attempt(name, data, folder.parent / f"case-{first}")
        except BaseException as e:
            outcome = f"FAULT {type(e).__name__}: {e}".replace("\n", " ")
        faulthandler.cancel_dump_traceback_later()
        peak = most_held()
        if peak > BYTES:
            outcome = f"FAULT {peak:,} bytes"
        print(f"\n={outcome} ({time.perf_counter() - began:.1f} s)", flush=True)
        if peak > BYTES:  # of the process: the next case wants a fresh one
            return


def run(folder: Path, cases: int, seed: int = 0) -> tuple[Counter[str], list[str]]:
    """How many were decoded and refused, and the faults. folder: an empty one, for the corpus and cases."""
    (folder / "corpus").mkdir(exist_ok=True)
    corpus(folder / "corpus")
    counts: Counter[str] = Counter()
    faults = []
    at, last = seed, seed + cases
    while at < last:
        line = [
            sys.executable,
            "-m",
            "tests.media.fuzz",
            "--work",
            str(folder / "corpus"),
            str(at),
            str(last),
        ]
        done = subprocess.run(line, capture_output=True, text=True, errors="replace", check=False)
        case = ""
        for row in done.stdout.splitlines():
            if row.startswith("@"):
                case, at = row, int(row[1:].split()[0]) + 1
            elif row.startswith(("=decoded", "=refused")):
                counts[row[1:8]] += 1
                case = ""
            elif row.startswith("="):
                faults.append(f"{case} {row}")
                case = ""
        if case:
            faults.append(f"{case} died: {done.stderr[-1500:]}")
        elif not done.stdout:
            faults.append(done.stderr[-1500:])
            break
    return counts, faults


def main() -> int:
    import tempfile

    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", nargs=3)
    given = parser.parse_args()
    if given.work:
        work(Path(given.work[0]), int(given.work[1]), int(given.work[2]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        counts, faults = run(Path(folder), given.cases, given.seed)
    print("\n".join(faults))
    print(f"{given.cases} cases: {dict(counts)}, {len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
