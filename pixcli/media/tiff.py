"""TIFF through tifffile: every depth, layout and compression, page by page."""

from __future__ import annotations

import io
import logging
import re
import struct
from contextlib import suppress
from typing import IO, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from pixcli.errors import InputError
from pixcli.media import pnm
from pixcli.media.colour import ink_to_srgb, lab_to_srgb
from pixcli.media.picture import Array, peak_of

# The libraries log oddities: silence where the program has no log of its own. What matters is raised.
for _library in ("PIL", "imagecodecs", "tifffile"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

_WORDS = (270, 271, 272, 305, 306, 315, 33432)  # description, maker, model, software, date, artist, copyright
_RIDING = (33723, 34377)  # IPTC, Photoshop's resources: carried as they are
MOST_BYTES_A_PIXEL = 16  # four floats
_EXIF_IFD, _GPS_IFD = 34665, 34853
_COMPRESSIONS = {"NONE", "LZW", "PACKBITS", "ADOBE_DEFLATE", "DEFLATE", "ZSTD", "LZMA", "JPEG"}
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..[\x08\x0c\x10](.{4})", re.DOTALL)
_JPEG_HEAD = 1 << 16  # bytes in which its size is told
_PREDICTABLE = {"LZW", "ADOBE_DEFLATE", "DEFLATE", "ZSTD"}


def pages(tiff: Any) -> list[Any]:
    """The pages that are pictures of their own: no thumbnails, no reduced copies, no masks."""
    first, *rest = list(tiff.pages)
    return [first.aspage(), *(p.aspage() for p in rest if not int(p.subfiletype) & 0b101)]


def check(page: Any, size: int, max_pixels: int) -> None:
    """Refuses what would be decoded wrongly, or into too much. Raises InputError."""
    if page.imagedepth > 1 or not page.imagewidth or not page.imagelength or not page.dataoffsets:
        raise InputError("TIFF without a picture")
    if page.samplesperpixel > 16:
        raise InputError(f"TIFF of {page.samplesperpixel} samples a pixel")
    if page.nbytes > MOST_BYTES_A_PIXEL * max_pixels:
        raise InputError(f"{page.nbytes:,} bytes of samples are over the limit", "--max-pixels raises it")
    spans = zip(page.dataoffsets, page.databytecounts, strict=False)
    if len(page.dataoffsets) != len(page.databytecounts) or any(at + n > size for at, n in spans):
        raise InputError("truncated TIFF")
    if page.compression.name in ("JPEG", "OJPEG"):
        _check_jpegs(page)
    if page.dtype is None or page.dtype.kind not in "bufc" or page.dtype.kind == "c":
        signed = page.dtype is not None and page.dtype.kind == "i"
        raise InputError("TIFF of signed samples" if signed else "TIFF of a sample type that is no picture's")


def _check_jpegs(page: Any) -> None:
    """Each piece tells its own size, which may be a billion pixels whatever the page says."""
    high, wide = page.chunks[-3:-1] if len(page.chunks) > 2 else page.chunks
    file = page.parent.filehandle
    for at, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(at)
        frame = _JPEG_FRAME.search(file.read(min(length, _JPEG_HEAD)))
        if frame is not None:
            height, width = struct.unpack(">HH", frame[1])
            if height * width > 4 * (high + 16) * (wide + 16):
                raise InputError("TIFF with a damaged JPEG inside")


def pixels(page: Any) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Colour (H, W, 1 or 3), straight alpha (H, W) or None, and what was lost.

    Raises InputError, or what tifffile raises.
    """
    values = page.asarray()
    if page.axes == "YX":
        values = values[..., None]
    elif page.axes == "SYX":
        values = np.ascontiguousarray(np.moveaxis(values, 0, -1))
    elif page.axes != "YXS":
        raise InputError(f"TIFF of axes {page.axes}")
    lost: list[str] = []
    photometric = page.photometric.name
    if photometric == "PALETTE":
        return _palette(page, values[..., 0]), None, ()
    values = _full_range(values, page, lost)
    values, alpha = _split(values, page, lost)
    if photometric == "MINISWHITE":
        values = np.asarray(peak_of(values.dtype), values.dtype) - values
    elif photometric == "SEPARATED" and values.shape[2] == 4 and values.dtype != np.float32:
        values = ink_to_srgb(values, page.iccprofile)
        lost.append("cmyk")
    elif photometric == "CIELAB" and values.dtype == np.uint8:
        values = lab_to_srgb(values ^ np.array([0, 128, 128], np.uint8))  # a and b are stored signed
        lost.append("lab")
    elif photometric == "YCBCR" and page.compression.name not in ("JPEG", "OJPEG"):
        raise InputError(f"TIFF of {page.compression.name} YCbCr", "save it as RGB")
    elif photometric not in ("MINISBLACK", "RGB", "YCBCR"):
        raise InputError(f"TIFF of {photometric} colours")
    return values, alpha, tuple(lost)


def _palette(page: Any, index: Array) -> Array:
    table = page.colormap.T  # (colours, 3) uint16
    coarse = table >> 8 if table.max(initial=0) > 255 else table  # old writers store 0..255
    return np.asarray(coarse.astype(np.uint8)[index])


def _full_range(values: Array, page: Any, lost: list[str]) -> Array:
    """uint8, uint16 or float32, with white at the peak."""
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "f":
        if values.dtype.itemsize > 4:
            lost.append("64-bit")
        return values.astype(np.float32, copy=False)
    if values.dtype.itemsize > 2:
        lost.append(f"{bits}-bit integers")
        return (values / float(np.iinfo(values.dtype).max)).astype(np.float32)
    return values if bits in (8, 16) else pnm.scaled(values, (1 << bits) - 1)


def _split(values: Array, page: Any, lost: list[str]) -> tuple[Array, Array | None]:
    colours = {"MINISWHITE": 1, "MINISBLACK": 1, "SEPARATED": 4}.get(page.photometric.name, 3)
    extra = [int(e) for e in page.extrasamples][: values.shape[2] - colours]
    if values.shape[2] < colours:
        raise InputError("TIFF with too few samples")
    if values.shape[2] == colours:
        return values, None
    colour = values[..., :colours]
    at = next((n for n, e in enumerate(extra) if e in (1, 2)), None)
    if values.shape[2] - colours > (at is not None):
        lost.append("extra channels")
    if at is None:
        return np.ascontiguousarray(colour), None
    alpha = values[..., colours + at]
    return (colour if extra[at] == 2 else unmultiply(colour, alpha)), alpha


def unmultiply(colour: Array, alpha: Array) -> Array:
    """Straight colour of a premultiplied one; black where alpha is 0."""
    peak = peak_of(alpha.dtype)
    cover = alpha[..., None].astype(np.float32)
    straight = np.divide(
        colour * np.float32(peak), cover, out=np.zeros(colour.shape, np.float32), where=cover > 0
    )
    return straight if alpha.dtype == np.float32 else np.minimum(np.rint(straight), peak).astype(alpha.dtype)


def dpi(page: Any) -> tuple[float, float] | None:
    unit = {2: 1.0, 3: 2.54}.get(int(page.tags.valueof(296, 2)))
    x, y = page.tags.valueof(282), page.tags.valueof(283)
    if (
        unit is None
        or not (isinstance(x, tuple) and isinstance(y, tuple))
        or not (x[0] and x[1] and y[0] and y[1])
    ):
        return None
    return x[0] / x[1] * unit, y[0] / y[1] * unit


def save_hints(page: Any) -> dict[str, Any]:
    """What `write` needs to repeat the file's own form."""
    riding = [page.tags[code] for code in _RIDING if code in page.tags]
    hints: dict[str, Any] = {"compression": page.compression.name, "predictor": int(page.predictor) > 1}
    if page.is_tiled:
        hints["tile"] = (page.tilelength, page.tilewidth)
    if page.photometric.name == "YCBCR":
        hints["subsampling"] = tuple(page.tags.valueof(530, (2, 2)))
    if riding:
        hints["tags"] = [(t.code, int(t.dtype), t.count, t.value, True) for t in riding]
    return hints


def exif(file: IO[bytes]) -> bytes | None:
    """The words, EXIF and GPS of the first page as one EXIF block, or None."""
    found = Image.Exif()
    block = Image.Exif()
    with suppress(Exception):  # metadata never costs a picture; what is broken is left out
        file.seek(0)
        found.load_from_fp(file)
        for tag in _WORDS:
            if tag in found:
                block[tag] = found[tag]
        for tag in (_EXIF_IFD, _GPS_IFD):
            inner = found.get_ifd(tag)
            if inner:
                block[tag] = dict(inner)
        if block:
            return block.tobytes()[6:]
    return None


def write_page(
    writer: Any,
    values: Array,
    *,
    alpha: bool,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
    hints: dict[str, Any],
    quality: int | None,
    compress: int,
) -> None:
    """Append a page (H, W, C), C with alpha as its last channel, to a tifffile.TiffWriter."""
    name = hints.get("compression", "ADOBE_DEFLATE")
    if name not in _COMPRESSIONS or (name == "JPEG" and (values.dtype != np.uint8 or alpha)):
        name = "ADOBE_DEFLATE"
    how: dict[str, Any] = {"compression": None if name == "NONE" else name}
    if name in ("ADOBE_DEFLATE", "DEFLATE"):
        how["compressionargs"] = {"level": max(1, compress)}
    elif name == "JPEG":
        how["compressionargs"] = {"level": quality or 95}
        how["subsampling"] = hints.get("subsampling", (1, 1)) if values.shape[2] == 3 else None
    if name in _PREDICTABLE and hints.get("predictor", True):
        how["predictor"] = True
    gray = values.shape[2] <= 2
    tags = [] if xmp is None else [(700, 1, len(xmp), xmp, True)]
    writer.write(
        values[..., 0] if values.shape[2] == 1 else values,
        photometric="minisblack" if gray else "rgb",
        planarconfig="contig" if values.shape[2] > 1 else None,
        extrasamples=["unassalpha"] if alpha else None,
        iccprofile=icc,
        resolution=dpi,
        resolutionunit="inch" if dpi else None,
        tile=hints.get("tile"),
        extratags=[*tags, *hints.get("tags", ()), *_word_tags(exif)],
        metadata=None,
        software=False,
        **how,
    )


def _word_tags(block: bytes | None) -> list[tuple[int, int, int, Any, bool]]:
    """The words of an EXIF block as tags of the page."""
    found = _parsed(block)
    words = [(tag, str(found[tag]).encode("utf-8", "replace") + b"\0") for tag in _WORDS if found.get(tag)]
    return [(tag, 2, len(word), word, True) for tag, word in words]


def _parsed(block: bytes | None) -> Image.Exif:
    found = Image.Exif()
    if block is not None:
        with suppress(Exception):  # metadata never costs a picture
            found.load(b"Exif\0\0" + block)
    return found


def add_exif(file: IO[bytes], block: bytes) -> None:
    """Give the first page of a classic little-endian TIFF the EXIF and GPS directories of a block.

    They are appended, then the page's own directory with the two pointers added, to which the header points
    from then on.
    """
    parsed = _parsed(block)
    pointers = []
    for tag in (_EXIF_IFD, _GPS_IFD):
        inner = parsed.get_ifd(tag)
        if not inner:
            continue
        directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
        for key, value in inner.items():
            if not isinstance(value, dict):
                directory[key] = value
        at = _even_end(file)
        file.write(directory.tobytes(at))
        pointers.append(struct.pack("<HHII", tag, 4, 1, at))
    if not pointers:
        return
    file.seek(4)
    file.seek(struct.unpack("<I", file.read(4))[0])
    count = struct.unpack("<H", file.read(2))[0]
    body, link = file.read(12 * count), file.read(4)
    entries = sorted([*(body[n : n + 12] for n in range(0, len(body), 12)), *pointers], key=_tag_of)
    at = _even_end(file)
    file.write(struct.pack("<H", len(entries)) + b"".join(entries) + link)
    file.seek(4)
    file.write(struct.pack("<I", at))


def _tag_of(entry: bytes) -> int:
    return int.from_bytes(entry[:2], "little")


def _even_end(file: IO[bytes]) -> int:
    end = file.seek(0, io.SEEK_END)
    return end + file.write(b"\0" * (end % 2))
