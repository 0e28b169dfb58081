"""Which container, encoder, settings and pixel format a film is written with."""

from __future__ import annotations

from pathlib import Path

from av import Codec, FFmpegError, VideoFormat

from pixcli.errors import UsageError
from pixcli.media.film_pixels import depth_of, has_alpha
from pixcli.media.film_source import FilmSource

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}

# the source's design → our encoder, where people would be sorry to get H.264 instead
FOLLOWS = {
    "hevc": "libx265",
    "vp8": "libvpx-vp9",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "ffv1": "ffv1",
    "prores": "prores_ks",
}
HOLDS = {
    "mp4": {"libx265", "libvpx-vp9", "libsvtav1"},
    "mov": {"libx265", "prores_ks"},
    "matroska": set(FOLLOWS.values()),
    "webm": {"libvpx-vp9", "libsvtav1"},
}

# near transparent, at a fair speed; x265 prints to stderr unless told not to
SETTINGS = {
    "libx264": {"crf": "18", "preset": "medium"},
    "libx265": {"crf": "20", "preset": "medium", "x265-params": "log-level=none"},
    "libsvtav1": {"crf": "24", "preset": "8"},
    "libvpx-vp9": {"crf": "24", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "prores_ks": {},
    "ffv1": {"level": "3"},
}
EVEN_ONLY = {"libx264", "libx265"}  # where the chroma is halved


def output_suffix(suffix: str) -> str:
    """The suffix of a film made from one of `suffix`: its own where we write that, else one for its sound."""
    suffix = suffix.lower()
    if suffix in CONTAINERS:
        return suffix
    # PCM and WMA are at home in Matroska; few players take them from MP4
    return ".mkv" if suffix in (".avi", ".wmv", ".asf", ".ogv", ".ogg", ".mxf") else ".mp4"


def container_of(path: Path) -> str:
    """FFmpeg's name of the container. Raises UsageError for a suffix that we do not write."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        what = f"no film is written as {path.suffix}" if path.suffix else "the film's name has no suffix"
        raise UsageError(what, f"use {', '.join(CONTAINERS)}") from None


def choose_codec(name: str | None, container: str, source: FilmSource) -> Codec:
    if name is None:
        name = FOLLOWS.get(source.codec, "")
        if name not in HOLDS[container]:
            name = "libx264"
            if container == "webm":
                name = "libsvtav1" if source.bits > 8 and not source.alpha else "libvpx-vp9"
            elif container == "mov" and source.alpha:
                name = "prores_ks"
    try:
        codec = Codec(name, "w")
    except (ValueError, FFmpegError) as error:
        raise UsageError(f"no encoder is called {name}") from error
    if codec.type != "video":
        raise UsageError(f"{name} is no encoder of pictures")
    return codec


def settings_of(codec: Codec, crf: int | None, preset: str | None) -> dict[str, str]:
    settings = dict(SETTINGS.get(codec.name, {}))
    for key, value in (("crf", crf), ("preset", preset)):
        if value is None:
            continue
        if codec.name in SETTINGS and key not in settings:
            raise UsageError(f"{codec.name} has no {key}")
        settings[key] = str(value)
    return settings


def choose_pixel_format(
    codec: Codec, source: FilmSource, width: int, height: int, name: str | None
) -> VideoFormat:
    """The encoder's format nearest to the source's: alpha, then depth, then chroma.

    Where halved chroma needs even sides an odd size gets whole chroma: nothing is cropped or padded.
    """
    formats = [VideoFormat(f.name, width, height) for f in codec.video_formats or []]
    if name is not None:
        chosen = [f for f in formats if f.name == name]
        if formats and not chosen:
            known = ", ".join(f.name for f in formats)
            raise UsageError(f"{codec.name} does not write {name}", f"it writes {known}")
        if not _fits(chosen[0] if chosen else VideoFormat(name, width, height), codec, width, height):
            raise UsageError(f"{name} needs even sides, the film has {width}×{height}", "use yuv444p")
        return VideoFormat(name, width, height)
    stored = source.pixel_format
    chroma = (2, 2) if stored.is_rgb or len(stored.components) < 3 else _chroma(stored)
    as_rgb = stored.is_rgb and codec.name == "ffv1"  # lossless stays lossless
    usable = [f for f in formats if _common(f, as_rgb) and _fits(f, codec, width, height)]
    if not usable:
        return VideoFormat("yuv420p", width, height)

    def distance(f: VideoFormat) -> tuple[bool, int, int, int]:
        depth = depth_of(f)
        return (
            has_alpha(f) != source.alpha,
            max(0, source.bits - depth),
            max(0, depth - source.bits),
            # too little chroma is worse than too much
            sum(4 * (have > want) + abs(have - want) for have, want in zip(_chroma(f), chroma, strict=True)),
        )

    return min(usable, key=distance)


def _common(f: VideoFormat, rgb: bool) -> bool:
    """Neither grey, nor floating point, nor semi-planar, nor one of the old names for full range."""
    return (
        len(f.components) >= 3
        and f.is_rgb == rgb
        and not f.name.startswith(("yuvj", "nv", "p0", "gbrpf", "gbrapf"))
    )


def _chroma(f: VideoFormat) -> tuple[int, int]:
    """How many luma columns and rows share one chroma sample."""
    probe = VideoFormat(f.name, 16, 16)
    return 16 // probe.chroma_width(16), 16 // probe.chroma_height(16)


def _fits(f: VideoFormat, codec: Codec, width: int, height: int) -> bool:
    across, down = _chroma(f)
    if codec.name == "libvpx-vp9" and has_alpha(f):
        return (across, down) == (2, 2)  # it lists others that it then refuses
    return codec.name not in EVEN_ONLY or (width % across == 0 and height % down == 0)
