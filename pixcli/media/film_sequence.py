"""SequenceReader: pictures of one size, in order, as the frames of a film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from av import VideoFormat

from pixcli.errors import InputError
from pixcli.media import MAX_PIXELS
from pixcli.media.colour import as_type, to_srgb
from pixcli.media.film_pixels import BT601, BT709, FRAME_RIDE, UNSPECIFIED, Colours
from pixcli.media.film_source import Frame
from pixcli.media.picture import Picture
from pixcli.media.picture_read import read


class SequenceReader:
    """The source of a film that is made from pictures, each shown for 1 / rate seconds; as FilmReader.

    Their colours become sRGB, as a film has no profiles; their metadata stay behind. lost: what that takes
    from them, complete after the last frame. Raises InputError for one that cannot be read, or whose size is
    not that of the first.
    """

    def __init__(self, paths: Sequence[Path], rate: Fraction, *, max_pixels: int = MAX_PIXELS) -> None:
        self.paths, self.max_pixels = paths, max_pixels
        self.frame_rate, self.time_base = rate, 1 / rate
        first = read(paths[0], max_pixels=max_pixels)
        self.width, self.height = first.width, first.height
        self.bits = 8 if first.pixels.dtype.itemsize == 1 else 16
        self.alpha = first.alpha is not None
        name = (
            ("rgba64le" if self.alpha else "rgb48le")
            if self.bits > 8
            else ("rgba" if self.alpha else "rgb24")
        )
        self.pixel_format = VideoFormat(name, self.width, self.height)
        # as players guess it where nothing is said, and said all the same
        matrix = BT709 if self.width >= 1280 or self.height > 576 else BT601
        self.colours = Colours(matrix, UNSPECIFIED, UNSPECIFIED, False)
        self.codec, self.sample_aspect, self.metadata = "", Fraction(1), dict[str, str]()
        self.interlaced = self.hdr_metadata = False
        self.origin = self.frames_read = self._skipped = 0
        self.frame_count_hint = len(paths)
        self.lost: dict[str, None] = {}

    def __iter__(self) -> Iterator[Frame]:
        for number, path in enumerate(self.paths):
            self.frames_read += 1
            if number >= self._skipped:
                try:
                    yield Frame(self._frame(path), number, self.time_base, 1)
                except InputError as fault:
                    raise InputError(f"{path.name}: {fault.what}", fault.hint) from fault
                except OSError as fault:
                    raise InputError(f"{path.name}: {fault.strerror or fault}") from fault

    def skip(self, count: int) -> None:
        """Pass over the first `count` pictures."""
        self._skipped = count

    @property
    def at_end(self) -> bool:
        """Whether every picture has been read."""
        return self.frames_read == len(self.paths)

    def faults(self) -> list[str]:
        """None: a picture is whole or raises."""
        return []

    def close(self) -> None:
        """Nothing is held open between two frames."""

    def _frame(self, path: Path) -> Picture:
        picture = read(path, max_pixels=self.max_pixels)
        if (picture.width, picture.height) != (self.width, self.height):
            what = f"is {picture.width}×{picture.height}, the first is {self.width}×{self.height}"
            raise InputError(what, "the pictures of a film have one size")
        if picture.ride.save.get("frames", 1) > 1:
            raise InputError("has several frames or pages", "the pictures of a film are single ones")
        rgb = to_srgb(picture)
        if rgb is not picture.pixels and not picture.gray:
            self.lost["icc"] = None
        if picture.ride.exif is not None:
            self.lost["exif"] = None
        return Picture(as_type(rgb, picture.pixels.dtype), picture.alpha, FRAME_RIDE, path.name)
