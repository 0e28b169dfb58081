"""Animations: every frame at its depth, its time and its place, as they come and never all at once."""

import numpy as np
import pytest
from PIL import Image

from pixcli.errors import InputError
from pixcli.media import Picture, Ride, encode, frames, read, write_frames
from tests.media.scenes import same, scene, stored


def moving(count: int, dtype: type = np.uint8, alpha: bool = False, **save) -> list[Picture]:
    """A square that wanders over noise."""
    made = []
    for n in range(count):
        still = scene(12, 16, dtype=dtype, alpha=alpha)
        still.pixels[n : n + 4, n : n + 5] = n + 1
        ride = Ride(save={"frames": count, "duration": 20 * n + 10, "loop": 2, **save})
        made.append(Picture(still.pixels, still.alpha, ride))
    return made


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_animated_png_is_lossless_at_every_depth(tmp_path, dtype, alpha):
    made = moving(4, dtype, alpha)
    assert write_frames(made, tmp_path / "a.png") == ()
    back = list(frames(tmp_path / "a.png"))
    for before, after in zip(made, back, strict=True):
        same(before, after)
    assert [f.ride.save["duration"] for f in back] == [10, 30, 50, 70]
    assert {f.ride.save["loop"] for f in back} == {2}


def test_what_we_write_others_read(tmp_path):
    made = moving(3, alpha=True)
    write_frames(made, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as im:
        assert im.n_frames == 3
        for n, frame in enumerate(made):
            im.seek(n)
            np.testing.assert_array_equal(np.asarray(im), np.dstack((frame.pixels, frame.alpha)))
            assert im.info["duration"] == frame.ride.save["duration"]


# back to the previous frame, laid upon it: Pillow and libpng differ there, and both from the standard
@pytest.mark.parametrize(("disposal", "blend"), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)])
def test_frames_are_put_together_as_pillow_does(disposal, blend):
    draw = np.random.default_rng(disposal)
    images = []
    for n in range(4):
        image = Image.new("RGBA", (9, 7))
        part = draw.integers(0, 256, (4, 5, 4), np.uint8)
        if blend:
            part[..., 3] = part[..., 3] // 128 * 255  # Pillow mixes half transparent ones in its own way
        image.paste(Image.fromarray(part), (n % 3, n % 2))
        images.append(image)
    how = {"disposal": disposal, "blend": blend, "duration": 40, "loop": 0}
    data = stored(images[0], "PNG", save_all=True, append_images=images[1:], **how)
    from io import BytesIO

    with Image.open(BytesIO(data)) as im:
        for n, frame in enumerate(frames(data)):
            im.seek(n)
            truth = np.asarray(im.convert("RGBA")).astype(int)
            shown = truth[..., 3] > 0
            np.testing.assert_array_equal(frame.alpha, truth[..., 3])
            np.testing.assert_array_equal(frame.pixels[shown], truth[..., :3][shown])


def test_half_transparent_frames_are_laid_upon_each_other():
    below = np.full((2, 2, 4), (200, 0, 0, 128), np.uint8)
    above = np.full((2, 2, 4), (0, 100, 0, 128), np.uint8)
    images = [Image.fromarray(v) for v in (below, above)]
    data = stored(images[0], "PNG", save_all=True, append_images=images[1:], blend=1, disposal=0)
    _, second = frames(data)
    np.testing.assert_allclose(second.alpha, 192, atol=1)
    np.testing.assert_allclose(second.pixels[0, 0], (66, 67, 0), atol=1)


def test_a_still_that_is_no_frame_stays_one(tmp_path):
    made = moving(3, default_image=True)
    write_frames(made, tmp_path / "a.png")
    back = list(frames(tmp_path / "a.png"))
    assert all(f.ride.save["default_image"] for f in back)
    for before, after in zip(made, back, strict=True):
        same(before, after)
    assert [f.ride.save["duration"] for f in back[1:]] == [30, 50]


def test_frames_that_do_not_change_stay_frames(tmp_path):
    made = [scene(6, 6)] * 3
    write_frames(made, tmp_path / "a.png")
    assert len(list(frames(tmp_path / "a.png"))) == 3


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ".avif", ".tif"])
def test_frames_are_written_as_they_come(tmp_path, suffix):
    alive = most = 0

    class Counted(Picture):
        def __del__(self):
            nonlocal alive
            alive -= 1

    def made():
        nonlocal alive, most
        for frame in moving(8, alpha=suffix == ".webp"):
            alive += 1
            most = max(most, alive)
            yield Counted(frame.pixels, frame.alpha, frame.ride)

    write_frames(made(), tmp_path / f"a{suffix}")
    assert most <= 3
    assert len(list(frames(tmp_path / f"a{suffix}"))) == 8


def test_all_frames_have_alpha_or_none():
    whole = Image.new("RGBA", (8, 8), (200, 0, 0, 255))
    holes = Image.new("RGBA", (8, 8), (0, 0, 200, 255))
    holes.paste((0, 0, 0, 0), (0, 0, 4, 4))
    data = stored(whole, "WEBP", save_all=True, append_images=[holes], duration=50, lossless=True)
    first, second = frames(data)
    assert (first.alpha == 255).all()
    assert second.alpha.min() == 0


def test_a_damaged_animation_is_refused_before_its_first_frame():
    pictures = moving(6)
    images = [Image.fromarray(p.pixels) for p in pictures]
    data = stored(images[0], "GIF", save_all=True, append_images=images[1:], duration=50)
    with pytest.raises(InputError):
        next(frames(data[: int(len(data) * 0.8)]))
    with pytest.raises(InputError, match="truncated PNG"):
        next(frames(encode(pictures[0], "PNG").replace(b"IEND", b"IEND")[:-20]))


def test_a_frame_outside_the_picture_is_refused(tmp_path):
    write_frames(moving(2), tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    second = data.rfind(b"fcTL")
    data[second + 16 : second + 20] = (200).to_bytes(4)
    import zlib

    data[second + 30 : second + 34] = zlib.crc32(data[second : second + 30]).to_bytes(4)
    with pytest.raises(InputError, match="frame outside"):
        read(bytes(data))
