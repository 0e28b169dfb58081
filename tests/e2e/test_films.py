"""Films through the command: killed, cut, thinned out, made from pictures, made into pictures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

COUNT, SEGMENT = 90, 12
needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe on this machine")


def make(path: Path, count: int = COUNT, rate: int = 10) -> Path:
    """A film with sound, subtitles and chapters; each frame has a grey of its own."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"crf": "10", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 32, 24, "yuv420p"
        sound = out.add_stream("aac", rate=16000)
        words = out.add_mux_stream("subrip") if path.suffix == ".mkv" else None
        if words is not None:
            half = count * 1000 // rate // 2
            parts = [("One", 0, half), ("Two", half, 2 * half)]
            out.set_chapters([
                {"id": n, "start": a, "end": b, "time_base": base, "metadata": {"title": title}}
                for n, (title, a, b) in enumerate(parts, 1)
            ])  # fmt: skip
            for n in range(count // rate):
                packet = av.Packet(f"words {n}".encode())
                packet.stream, packet.time_base = words, base
                packet.pts = packet.dts = n * 1000 + 100
                packet.duration = 800
                out.mux(packet)
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(
                np.full((24, 32, 3), 20 + 2 * n % 200, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = n, Fraction(1, rate)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for n in range(count * 16000 // rate // 1600):
            wave = (np.sin(np.arange(1600) / (9 + n % 7)) * 9000).astype(np.int16)[None]
            chunk = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            chunk.sample_rate, chunk.pts = 16000, n * 1600
            out.mux(sound.encode(chunk))
        out.mux(sound.encode(None))
    return path


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as film:
        return [(round(f.time, 4), f.to_ndarray(format="rgb24")) for f in film.decode(video=0)]


def greys(path: Path) -> list[tuple[float, int]]:
    return [(time, round(float(pixels.mean()))) for time, pixels in frames(path)]


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as film:
        stream = next(s for s in film.streams if s.type == kind)
        return [(round(float(p.pts * p.time_base), 3), bytes(p)) for p in film.demux(stream) if p.size]


def line_of(tiny: Any, *more: object) -> list[str]:
    words = ["superres", *more, "--scale", "2", "--model", tiny["superres"], "--preset", "ultrafast"]
    return [str(word) for word in words]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("suffix", [".mp4", pytest.param(".mkv", marks=pytest.mark.slow)])
def test_a_run_that_is_killed_in_mid_film_goes_on(pixcli, tiny, tmp_path, suffix):
    make(tmp_path / f"in{suffix}")
    how = ("--segment", SEGMENT, "--batch", 1)
    assert pixcli(*line_of(tiny, f"in{suffix}", "-o", "whole", *how)).returncode == 0
    kept: set[Path] = set()
    for kill in range(2):  # and the one that goes on is killed, too
        run = subprocess.Popen(
            [sys.executable, "-m", "pixcli", *line_of(tiny, f"in{suffix}", "-o", "out", *how)],
            cwd=tmp_path,
            env=pixcli.environment,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until and run.poll() is None:
            now = set((tmp_path / "out").rglob("*.safetensors"))
            if len(now - kept) >= 1 + kill:
                break
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
        run.wait(timeout=60)
        assert not (tmp_path / f"out/in{suffix}").exists(), "too fast to be killed"
        assert kept <= set((tmp_path / "out").rglob("*.safetensors"))
        kept = now
    last = pixcli(*line_of(tiny, f"in{suffix}", "-o", "out", *how, "--json"))
    assert last.returncode == 0, last.stderr
    item, summary = [json.loads(row) for row in last.stdout.splitlines()][-2:]
    assert item["pixels"] <= (COUNT - SEGMENT * len(kept)) * 32 * 24  # nothing is done twice
    assert summary["done"] == 1
    made, whole = tmp_path / f"out/in{suffix}", tmp_path / f"whole/in{suffix}"
    assert len(frames(made)) == COUNT
    for (t, a), (u, b) in zip(frames(made), frames(whole), strict=True):
        assert t == u
        assert (a == b).all()
    assert packets(made, "video") == packets(whole, "video")
    assert packets(made, "audio") == packets(tmp_path / f"in{suffix}", "audio")
    left = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert {p.name.partition("-")[0] for p in left} <= {f"in{suffix}", "ledger.sqlite"}


@pytest.mark.parametrize("segment", [1000, 8])
def test_a_part_of_a_film(here, tiny, tmp_path, segment):
    source = make(tmp_path / "in.mkv")
    more = ("--start", "00:00:02.45", "--end", "6", "--segment", segment)
    done = here(*line_of(tiny, "in.mkv", "-o", "out.mkv", *more))
    assert (done.returncode, done.stderr.count("lost")) == (0, 0), done.stderr
    before, after = greys(source), greys(tmp_path / "out.mkv")
    wanted = [(round(t - 2.5, 4), grey) for t, grey in before if 2.45 <= t < 6]
    assert [t for t, _ in after] == [t for t, _ in wanted]
    assert all(abs(a - b) <= 6 for (_, a), (_, b) in zip(after, wanted, strict=True))
    sound = [(round(t - 2.5, 3), data) for t, data in packets(source, "audio") if 2.5 <= t < 6]
    assert packets(tmp_path / "out.mkv", "audio") == sound
    words = packets(tmp_path / "out.mkv", "subtitle")
    assert words == [(max(0, round(n + 0.1 - 2.5, 3)), f"words {n}".encode()) for n in range(2, 6)]
    with av.open(str(tmp_path / "out.mkv")) as film:
        chapters = [
            (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
            for c in film.chapters()
        ]
    assert chapters == [("One", 0, 2), ("Two", 2, 3.5)]


def test_each_nth_frame_stays_at_its_time(here, tiny, tmp_path):
    source = make(tmp_path / "in.mp4")
    assert here(*line_of(tiny, "in.mp4", "-o", "out.mp4", "--every", 7, "--segment", 5)).returncode == 0
    before, after = greys(source), greys(tmp_path / "out.mp4")
    assert [t for t, _ in after] == [t for t, _ in before[::7]]
    assert all(abs(a - b) <= 6 for (_, a), (_, b) in zip(after, before[::7], strict=True))
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        assert float(b.streams.video[0].duration * b.streams.video[0].time_base) == pytest.approx(
            float(a.streams.video[0].duration * a.streams.video[0].time_base), abs=0.002
        )


@pytest.mark.parametrize(("more", "code", "said"), [
    (("--start", "soon"), 2, "is no time"),
    (("--start", "5", "--end", "4"), 2, "is not after"),
    (("--start", "1:00"), 1, "no frame between 60 s and the end (the film is 9.0 s long)"),
    (("--fps", "0"), 2, "is no rate"),
    (("--frames",), 2, "makes a folder of pictures"),
])  # fmt: skip
def test_what_cannot_be(here, tiny, tmp_path, more, code, said):
    make(tmp_path / "in.mp4")
    done = here(*line_of(tiny, "in.mp4", "-o", "out.mp4", *more))
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("segment", [1000, 4])
def test_pictures_become_a_film_and_a_film_pictures(here, tiny, tmp_path, segment):
    (tmp_path / "frames").mkdir()
    for n in range(1, 13):  # 10 comes after 9
        Image.new("RGB", (32, 24), (20 * n, 0, 120)).save(tmp_path / f"frames/f{n}.png")
    line = line_of(tiny, "frames/", "-o", "clip.mp4", "--fps", "23.976", "--crf", 4, "--segment", segment)
    done = here(*line, "--json")
    assert done.returncode == 0, done.stderr
    made = frames(tmp_path / "clip.mp4")
    assert [t for t, _ in made] == [round(n * 1001 / 24000, 4) for n in range(12)]
    reds = [float(pixels[..., 0].mean()) for _, pixels in made]
    assert reds == sorted(reds)
    assert "1 up to date" in here(*line, "--dry-run").stdout
    Image.new("RGB", (32, 24), (250, 0, 120)).save(tmp_path / "frames/f5.png")
    assert "1 to do" in here(*line, "--dry-run").stdout

    back = line_of(tiny, "clip.mp4", "-o", "back", "--frames", "--every", 2, "--segment", segment)
    done = here(*back)
    assert done.returncode == 0, done.stderr
    pictures = sorted((tmp_path / "back/clip").iterdir())
    assert [p.name for p in pictures] == [f"{n:06}.png" for n in range(1, 7)]
    with Image.open(pictures[3]) as picture:
        assert picture.size == (128, 96)
        assert abs(float(np.asarray(picture)[..., 0].mean()) - reds[6]) < 8
    assert "1 up to date" in here(*back, "--dry-run").stdout
    assert here(*back, "--force", "--format", "jpg").returncode == 0
    assert {p.suffix for p in (tmp_path / "back/clip").iterdir()} == {".jpg"}


def test_pictures_that_make_no_film(here, tiny, tmp_path):
    (tmp_path / "frames").mkdir()
    for n, side in enumerate((24, 24, 30)):
        Image.new("RGB", (32, side)).save(tmp_path / f"frames/{n}.png")
    line = line_of(tiny, "frames", "-o", "clip.mp4")
    done = here(*line)
    assert done.returncode == 1
    assert "2.png: is 32×30, the first is 32×24" in done.stderr
    assert not (tmp_path / "clip.mp4").exists()
    make(tmp_path / "frames/film.mp4", 5)
    done = here(*line)
    assert done.returncode == 2
    assert "frames/film.mp4 among the inputs is a film itself" in done.stderr


# An independent reader


def probe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters"]
    done = subprocess.run([*command, "-count_frames", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seen(path: Path) -> np.ndarray:
    """All frames as `ffmpeg` decodes them, brought to 8 × 8 grey pixels."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-vf", "scale=8:8:flags=area,format=gray", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, 8, 8).astype(int)


@needs_ffprobe
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("segment", [1000, 16])
def test_the_result_plays(here, tiny, tmp_path, suffix, segment):
    source = make(tmp_path / f"in{suffix}")
    line = line_of(tiny, source.name, "-o", f"out{suffix}", "--segment", segment)
    assert here(*line).returncode == 0
    before, after = probe(source), probe(tmp_path / f"out{suffix}")
    assert float(after["format"]["duration"]) == pytest.approx(float(before["format"]["duration"]), abs=0.03)
    assert len(after["chapters"]) == len(before["chapters"])
    for a, b in zip(before["streams"], after["streams"], strict=True):
        same = ["codec_name", "codec_type", "r_frame_rate", "sample_rate", "channels"]
        assert {k: a.get(k) for k in same} == {k: b.get(k) for k in same}
    video = after["streams"][0]
    assert (video["width"], video["height"], video["nb_read_frames"]) == (64, 48, str(COUNT))
    assert np.abs(seen(source) - seen(tmp_path / f"out{suffix}")).max() <= 6
