"""Kinds by content."""

import os

import pytest

from pixcli.media.kind import SUFFIXES, format_of_suffix, kind_of, sniff, words_of, written_as

HEADS = [
    (b"\xff\xd8\xff\xe0", "picture"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"GIF89a", "picture"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "picture"),
    (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "picture"),
    (b"\0\0\0\x18ftypheic\0\0\0\0heic", "picture"),
    (b"P6 2 2 255\n", "picture"),
    (b"\0\0\0\x18ftypisom\0\0\0\0isom", "film"),
    (b"\0\0\0\x14ftypqt  ", "film"),
    (b"\x1aE\xdf\xa3", "film"),
    (b"RIFF\0\0\0\0AVI LIST", "film"),
    ((b"\x47" + bytes(187)) * 3, "film"),
    (b"RIFF\0\0\0\0WAVEfmt ", None),
    (b"\0\0\0\x18ftypM4A \0\0\0\0", None),
    (b"%PDF-1.7", None),
    (b"<svg xmlns=''/>", None),
    (b"#EXTM3U\n", None),
    (b"P6 is not a picture without a number"[:1], None),
    (b"", None),
]


@pytest.mark.parametrize(("head", "kind"), HEADS)
@pytest.mark.parametrize("name", ["a.jpg", "b.mp4", "c"])
def test_the_content_decides(tmp_path, head, kind, name):
    (tmp_path / name).write_bytes(head)
    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"version https://git-lfs.x", "Git LFS"),
        (b"?", ""),
    ],
)
def test_what_is_no_picture_is_described(tmp_path, content, words):
    (tmp_path / "a.jpg").write_bytes(content)
    said = words_of(tmp_path / "a.jpg")
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    ("head", "suffix", "name"),
    [
        (b"II*\0\x08\0\0\0", ".NEF", "RAW"),
        (b"II*\0\x08\0\0\0", ".tif", "TIFF"),
        (b"II*\0\x08\0\0\0\1\0\x12\xc6\x01\0\x04\0\0\0\1\4\0\0", ".tif", "RAW"),
        (b"II*\0\x10\0\0\0CR\2\0", "", "RAW"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "", "RAW"),
        (b"FUJIFILMCCD-RAW 0201", "", "RAW"),
    ],
)
def test_raw_files_are_told_from_tiffs(head, suffix, name):
    assert sniff(head, b"", suffix) == name


def test_only_regular_files_are_opened(tmp_path):
    assert kind_of(tmp_path) is None
    assert kind_of(os.devnull) is None
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert kind_of(tmp_path / "pipe.png") is None
    with pytest.raises(FileNotFoundError):
        kind_of(tmp_path / "missing")


def test_tga_needs_its_footer_or_its_name():
    head = bytes((0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 8, 0, 24, 0))
    assert sniff(head) is None
    assert sniff(head, suffix=".TGA") == "TGA"
    assert sniff(head, b"........TRUEVISION-XFILE.\0") == "TGA"


def test_suffixes_are_names_of_formats():
    for name, suffix in SUFFIXES.items():
        assert (
            format_of_suffix(suffix) == format_of_suffix(suffix[1:].upper()) == format_of_suffix(name) == name
        )
    assert format_of_suffix("JPEG") == format_of_suffix(".jpeg") == "JPEG"
    assert format_of_suffix(".doc") is None
    assert format_of_suffix("") is None


def test_formats_that_cannot_hold_photographs_become_png():
    assert [written_as(n) for n in ("JPEG", "GIF", "ICO", "TIFF")] == ["JPEG", "PNG", "PNG", "TIFF"]
