"""What a file is, known by its first bytes and never by its name alone."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

HEAD = 512  # bytes that sniffing needs

# The suffix that each written format gets; a format that is not here cannot be written.
SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "JPEG2000": ".jp2",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TGA": ".tga",
    "PPM": ".ppm",
    "HEIC": ".heic",
    "JXL": ".jxl",
    "EXR": ".exr",
    "HDR": ".hdr",
}
_OTHER_SUFFIXES = {
    "JPEG": (".jpeg", ".jpe", ".jfif"),
    "PNG": (".apng",),
    "TIFF": (".tiff",),
    "JPEG2000": (".j2k", ".jpx", ".jpf"),
    "PPM": (".pgm", ".pbm", ".pnm", ".pam", ".pfm"),
    "BMP": (".dib",),
    "HEIC": (".heif", ".hif"),
}

# Pictures that people have but that cannot be decoded: an error line is better than silence.
UNREADABLE = {"PSD": "export it as TIFF or PNG first"}
RAW_SUFFIXES = frozenset(".dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw".split())  # noqa: SIM905
_ONLY_READ = RAW_SUFFIXES | {".gif", ".ico", ".cur", ".dds", ".qoi", ".psd"}  # GIF: for 256 colours
_RAW = (
    (0, b"II*\0\x10\0\0\0CR"),  # Canon CR2
    (4, b"ftypcrx "),  # Canon CR3
    (0, b"IIRO"),  # Olympus
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # Panasonic
    (0, b"FUJIFILMCCD-RAW"),
)
_DNG_VERSION = {b"II*\0": b"\x12\xc6\x01\0\x04\0\0\0", b"MM\0*": b"\xc6\x12\0\x01\0\0\0\x04"}  # a tag's head
_FILMS = (
    (0, b"\x1aE\xdf\xa3"),  # Matroska, WebM
    (0, b"FLV\x01"),
    (0, b"\x00\x00\x01\xba"),  # MPEG program stream
    (0, b"0&\xb2u\x8ef\xcf\x11"),  # ASF, WMV
    (0, b"OggS"),
    (0, b"YUV4MPEG2 "),
    (0, b"\x06\x0e+4\x02\x05\x01\x01"),  # MXF
)
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"M4P "}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_BMP_HEADERS = {bytes((n, 0, 0, 0)) for n in (12, 40, 52, 56, 64, 108, 124)}  # their lengths
_NOT_PICTURES = (
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"version https://git-lfs", "a Git LFS pointer: fetch the real file"),
    (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b", "an archive"),
    (rb"\s*(<\?xml[^>]*>\s*)?(<!DOCTYPE[^>\[]*(\[.*?\])?>\s*)?<svg", "an SVG drawing"),
    (rb"(?i)\s*<(!doctype html|html|head|body)", "an HTML page"),
)


def format_of_suffix(suffix: str) -> str | None:
    """The written format of a suffix or name as people type it (".jpg", "jpg", "JPEG"), or None."""
    name = suffix.strip().lower().removeprefix(".")
    for known, tail in SUFFIXES.items():
        if name in (known.lower(), tail[1:]) or f".{name}" in _OTHER_SUFFIXES.get(known, ()):
            return known
    return None


def output_suffix(suffix: str) -> str:
    """The suffix of the output for an input's: its own, or that of PNG for a format that is only read."""
    return SUFFIXES["PNG"] if suffix.lower() in _ONLY_READ else suffix


def written_as(name: str) -> str:
    """The format in which a picture that came as `name` is written: its own, or PNG if it is only read."""
    return "PNG" if name == "GIF" or name not in SUFFIXES else name


def sniff(head: bytes, tail: bytes = b"", suffix: str = "") -> str | None:
    """The format of a picture by its first HEAD bytes (Pillow's spelling, or a key of UNREADABLE), or None.

    TGA has no signature: its footer counts (in `tail`, the file's last 26 bytes), or a sane header under
    .tga. Most cameras' raw files are TIFFs, told apart by their suffix.
    """
    if _is_raw(head, suffix.lower()):
        return "RAW"
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, min(int.from_bytes(head[:4]), HEAD), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIC" if brands & _HEIF_BRANDS else None
    if head[:12] == b"\0\0\0\x0cjP  \r\n\x87\n" or head[:4] == b"\xffO\xffQ":
        return "JPEG2000"
    if re.match(rb"P([1-7]|F|f)\s", head):
        return "PPM"
    if head[:4] == b"qoif":
        return "QOI"
    if head[:4] == b"DDS ":
        return "DDS"
    if head[:4] == b"\0\0\1\0" and 0 < head[4] + 256 * head[5] < 256:
        return "ICO"
    if head[:2] == b"BM" and len(head) > 26 and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if head[:4] == b"v/1\x01":
        return "EXR"
    if head[:10] == b"#?RADIANCE" or head[:6] == b"#?RGBE":
        return "HDR"
    if head[:2] == b"\xff\x0a" or head[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return "JXL"
    if head[:6] == b"8BPS\0\1":
        return "PSD"
    if tail[-18:] == b"TRUEVISION-XFILE.\0" or (suffix.lower() == ".tga" and _sane_tga(head)):
        return "TGA"
    return None


def _is_raw(head: bytes, suffix: str) -> bool:
    if any(head[at:].startswith(mark) for at, mark in _RAW):
        return True
    dng = _DNG_VERSION.get(head[:4])
    return dng is not None and (suffix in RAW_SUFFIXES or dng in head)


def _sane_tga(head: bytes) -> bool:
    if len(head) < 18:
        return False
    width, height = int.from_bytes(head[12:14], "little"), int.from_bytes(head[14:16], "little")
    return (
        head[1] < 2
        and head[2] in (1, 2, 3, 9, 10, 11)
        and head[16] in (8, 15, 16, 24, 32)
        and width * height > 0
    )


def _is_film(head: bytes) -> bool:
    if any(head[at:].startswith(mark) for at, mark in _FILMS):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if head[4:8] == b"ftyp":
        return head[8:12] not in _SOUND_BRANDS
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return True
    # MPEG-TS: packets of 188 bytes, in some files behind 4 of their own
    return any(len(head) > s + 376 and all(head[s + n] == 0x47 for n in (0, 188, 376)) for s in (0, 4))


def looks_like(head: bytes) -> str:
    """In words, what the first bytes of something that is no picture look like; "" when nobody knows."""
    if not head:
        return "it is empty"
    for pattern, words in _NOT_PICTURES:
        if re.match(pattern, head, re.DOTALL):
            return f"looks like {words}"
    return "" if not _is_film(head) else "looks like a film"


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """What a file is by its content: "picture", "film" or None; only regular files are opened.

    Raises OSError when the file cannot be read.
    """
    path = Path(path)
    size = _regular_size(path)
    if size is None:
        return None
    head, tail = peek(path, size)
    if sniff(head, tail, path.suffix):
        return "picture"
    return "film" if _is_film(head) else None


def words_of(path: Path) -> str:
    """What a file that is neither picture nor film looks like, in words; "" when nobody knows.

    Raises OSError when it cannot be read.
    """
    size = _regular_size(path)
    return "" if size is None else looks_like(peek(path, size)[0])


def peek(path: Path, size: int) -> tuple[bytes, bytes]:
    """The first HEAD and the last 26 bytes of a file. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        head = file.read(HEAD)
        if size <= HEAD:
            return head, head[-26:]
        file.seek(size - 26)
        return head, file.read(26)


def _regular_size(path: Path) -> int | None:
    # stat before open: opening a pipe would wait for ever
    found = path.stat()
    return found.st_size if stat.S_ISREG(found.st_mode) else None
