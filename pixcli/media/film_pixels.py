"""Pixels between FFmpeg's frames and Pictures: matrix, range, depth, alpha, and which way is up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from av import VideoFormat, VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from pixcli.media.picture import Array, Picture, Ride, peak_of

# With these a round trip through RGB gives back the very samples. swscale's fast paths lose one level of luma
# on average, and BILINEAR misreads 16-bit RGB (FFmpeg 8.1).
SCALER = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
RGB, BT709, UNSPECIFIED, BT601, BT601_525 = 0, 1, 2, 5, 6
MATRICES = {BT709, 4, BT601, BT601_525, 7, 9}  # what swscale can compute; 4 FCC, 7 SMPTE 240M, 9 BT.2020
FRAME_RIDE = Ride(format="FILM")


@dataclass(frozen=True)
class Colours:
    """Colour tags as FFmpeg numbers them (ITU-T H.273); `full` is the range of the stored samples."""

    matrix: int
    primaries: int
    transfer: int
    full: bool

    @property
    def scaler_matrix(self) -> int:
        """Both kinds of BT.601 are one to swscale."""
        return BT601 if self.matrix == BT601_525 else self.matrix

    @property
    def range(self) -> ColorRange:
        return ColorRange.JPEG if self.full else ColorRange.MPEG


def colours_of(frame: VideoFrame) -> Colours | None:
    """The tags of a decoded frame, a missing matrix guessed as players do; None if swscale lacks it."""
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    matrix = frame.colorspace
    if matrix in (RGB, UNSPECIFIED) or frame.format.is_rgb:
        # the rule of mpv and VLC: high definition is BT.709, all else BT.601
        matrix = BT709 if frame.width >= 1280 or frame.height > 576 else BT601
        full = full and not frame.format.is_rgb
    if matrix not in MATRICES:
        return None
    return Colours(matrix, frame.color_primaries, frame.color_trc, full)


def depth_of(pixel_format: VideoFormat) -> int:
    """Bits of a sample: 8 to 16 (a palette's entries are 8)."""
    return 8 if pixel_format.has_palette else max(8, *(c.bits for c in pixel_format.components))


def has_alpha(pixel_format: VideoFormat) -> bool:
    return len(pixel_format.components) in (2, 4) and not pixel_format.name.startswith("nv")


@dataclass(frozen=True)
class Turn:
    """How stored rows and columns become upright ones: transposed first, then turned over."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Turn:
        """From the display matrix, (x, y) → (a x + c y, b x + d y), taken to the nearest quarter turn."""
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(data), np.int32)[:5])
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, b < 0, c < 0)
        return cls(False, d < 0, a < 0)

    def __call__(self, pixels: Array) -> Array:
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1])


def to_picture(
    frame: VideoFrame, size_wh: tuple[int, int], colours: Colours, turn: Turn, scaler: VideoReformatter
) -> Picture:
    """An upright Picture, (H, W, 3) uint8, or uint16 over the full range when the film has more than 8 bits.

    size_wh: stored width and height of the film's first frame; a frame of another size is brought to it.
    """
    deep, alpha = depth_of(frame.format) > 8, has_alpha(frame.format)
    name = {
        (False, False): "rgb24",
        (False, True): "rgba",
        (True, False): "rgb48le",
        (True, True): "rgba64le",
    }
    converted = scaler.reformat(
        frame,
        width=size_wh[0],
        height=size_wh[1],
        format=name[deep, alpha],
        interpolation=SCALER,
        src_colorspace=colours.scaler_matrix,
        src_color_range=None if frame.format.is_rgb else colours.range,
        dst_color_range=ColorRange.JPEG,
    )
    pixels = turn(converted.to_ndarray())
    if not alpha:
        return Picture(pixels, ride=FRAME_RIDE)
    cover = pixels[..., 3]
    opaque = bool((cover == peak_of(cover.dtype)).all())
    return Picture(np.ascontiguousarray(pixels[..., :3]), None if opaque else cover.copy(), FRAME_RIDE)


def to_frame(
    picture: Picture, pixel_format: VideoFormat, colours: Colours, scaler: VideoReformatter
) -> VideoFrame:
    """A frame without timestamps in the encoder's pixel format, through the matrix and range of `colours`."""
    alpha = has_alpha(pixel_format)
    pixels = np.broadcast_to(picture.pixels, (*picture.pixels.shape[:2], 3))
    if alpha:
        cover = (
            np.full(pixels.shape[:2], picture.peak, pixels.dtype) if picture.alpha is None else picture.alpha
        )
        pixels = np.dstack((pixels, cover))
    if pixels.dtype == np.float32:
        pixels = np.rint(np.clip(np.nan_to_num(pixels), 0, 1) * 65535).astype(np.uint16)
    deep = pixels.dtype == np.uint16
    name = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
    source = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)
    source.color_range = ColorRange.JPEG
    if pixel_format.is_rgb:
        return scaler.reformat(source, format=pixel_format.name, interpolation=SCALER)
    frame = scaler.reformat(
        source,
        format=pixel_format.name,
        interpolation=SCALER,
        dst_colorspace=colours.scaler_matrix,
        dst_color_range=colours.range,
    )
    frame.colorspace, frame.color_range = colours.matrix, colours.range
    frame.color_primaries, frame.color_trc = colours.primaries, colours.transfer
    return frame
