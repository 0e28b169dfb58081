import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pixcli.errors import DeviceError, InputError
from pixcli.infer import memory
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from tests.footprints import CPU, assert_tiled_is_whole, assert_true, reach_of


def seeded(net: nn.Module, seed: int = 0) -> nn.Module:
    """The same weights in every run; large enough that an error of tiling shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) / p[0].numel() ** 0.5)
    return net


class Skip(nn.Module):
    """An upsampled skip in fp32 beside the convolutions."""

    def __init__(self, body: nn.Module, scale: int) -> None:
        super().__init__()
        self.body, self.scale = body, scale

    def forward(self, x):
        up = nn.functional.interpolate(x, scale_factor=self.scale, mode="bicubic", align_corners=False)
        return up + self.body(x)


class Few(nn.Module):
    """Runs out of memory above `most` pixels. Notes the shapes it saw."""

    def __init__(self, most: int, fault: Exception) -> None:
        super().__init__()
        self.conv, self.most, self.fault = nn.Conv2d(3, 3, 3, padding=1), most, fault
        self.seen: list[tuple[int, ...]] = []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        if x.shape[0] * x.shape[2] * x.shape[3] > self.most:
            raise self.fault
        return self.conv(x)


class Odd(nn.Module):
    """Adds 1/2. In bf16 (or always) it answers with `value` where a tile's first value reaches `above`."""

    def __init__(self, value: float, above: float = -1.0, always: bool = False) -> None:
        super().__init__()
        self.value, self.above, self.always = value, above, always

    def forward(self, x):
        odd = self.always or torch.is_autocast_enabled("cpu")
        if odd and float(x.flatten()[0]) >= self.above:
            return torch.full_like(x, self.value)
        return x + 0.5


@st.composite
def networks(draw):
    """A random local network and its footprint: convolutions, down and up again, enlarged, with a skip."""
    layers: list[nn.Module] = []
    reach, jump, channels = 0, 1, 3
    scale = draw(st.sampled_from([1, 1, 2, 3]))

    def conv(out: int) -> None:
        nonlocal reach, channels
        kernel, dilation = draw(st.sampled_from([(1, 1), (3, 1), (3, 2), (5, 1)]))
        pad = kernel // 2 * dilation
        mode = draw(st.sampled_from(["zeros", "replicate"]))
        layers.extend([nn.Conv2d(channels, out, kernel, 1, pad, dilation, padding_mode=mode), nn.LeakyReLU()])
        reach, channels = reach + pad * jump, out

    for _ in range(draw(st.integers(1, 2))):
        conv(6)
    for _ in range(draw(st.integers(0, 2))):
        step = draw(st.sampled_from([2, 3]))
        if draw(st.booleans()):
            layers.append(nn.PixelUnshuffle(step))
            channels *= step * step
        else:
            layers.append(nn.Conv2d(channels, channels, 3, step, 1))
            reach += jump
        reach += (step - 1) * jump
        jump *= step
        conv(6)
    multiple = jump
    if jump > 1 and draw(st.booleans()):
        layers.append(nn.ConvTranspose2d(channels, 4, 3 * jump, jump, jump))
        reach, channels, jump = reach + jump, 4, 1
    elif jump > 1:
        layers.append(nn.Upsample(scale_factor=jump))
        jump = 1
    conv(3 * scale * scale)
    layers.append(nn.PixelShuffle(scale))
    net: nn.Module = nn.Sequential(*layers)
    if draw(st.booleans()):
        net, reach = Skip(net, scale), max(reach, 2)
    return seeded(net, draw(st.integers(0, 99))), Footprint(reach, multiple, scale)


@settings(deadline=None, max_examples=40)
@given(networks(), st.integers(1, 130), st.integers(1, 130), st.integers(1, 90))
def test_tiles_give_what_the_whole_picture_gives(built, height, width, tile):
    assert_tiled_is_whole(*built, size=(height, width), tile=tile)


@settings(deadline=None, max_examples=20)
@given(networks())
def test_no_network_looks_beyond_its_reach(built):
    net, footprint = built
    assert reach_of(net, footprint) <= footprint.reach


def test_a_wrong_footprint_is_found():
    net = seeded(nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.Conv2d(4, 3, 3, padding=1)))
    assert_true(net, Footprint(3))
    for reach in (2, 4):
        with pytest.raises(AssertionError, match="looks"):
            assert_true(net, Footprint(reach))
    with pytest.raises(AssertionError):
        assert_tiled_is_whole(net, Footprint(2))
    with pytest.raises(AssertionError, match="scale"):
        assert_true(net, Footprint(3, scale=2))
    with pytest.raises(ValueError, match="footprint"):
        Runner(net, Footprint(3, scale=2), CPU)(torch.rand(1, 3, 9, 9))


def test_reflected_borders_are_those_of_a_whole_run():
    net = seeded(nn.Sequential(nn.Conv2d(3, 8, 5, padding=2, padding_mode="reflect"), nn.Conv2d(8, 3, 1)))
    assert_tiled_is_whole(net, Footprint(2))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_integers_stand_for_zero_to_one_and_are_rounded_and_clipped(dtype):
    full = torch.iinfo(dtype).max
    x = torch.randint(0, full + 1, (2, 3, 37, 90)).to(dtype)
    identity = Runner(nn.Identity(), Footprint(0, 4), CPU, tile=1)
    assert identity(x, dtype).equal(x)
    assert identity(x).equal(x.float() / full)
    twice = nn.Conv2d(3, 3, 1, groups=3, bias=False)
    nn.init.constant_(twice.weight, 2)
    assert Runner(twice, Footprint(0), CPU)(x, dtype).int().equal((x.int() * 2).clamp(max=full))


def test_the_answer_may_be_changed_by_whoever_gets_it():
    answer = Runner(nn.Identity(), Footprint(0), CPU)(torch.rand(1, 3, 8, 8))
    answer.mul_(2)


def test_batch_gives_what_each_picture_gives():
    net = seeded(nn.Conv2d(3, 3, 3, padding=1))
    x = torch.rand(5, 3, 40, 50)
    runner = Runner(net, Footprint(1), CPU, tile=1)
    together = runner(x)
    for i in range(5):
        torch.testing.assert_close(together[i : i + 1], runner(x[i : i + 1]))


def test_a_network_of_the_whole_picture_is_called_once_on_its_multiple():
    net = Few(1 << 30, MemoryError())
    assert Runner(net, Footprint(None, 8), CPU, tile=16)(torch.rand(2, 3, 33, 50)).shape == (2, 3, 33, 50)
    assert net.seen == [(2, 3, 40, 56)]


def test_a_network_of_the_whole_picture_may_answer_at_its_own_size():
    assert Runner(nn.AvgPool2d(4), Footprint(None, 4), CPU)(torch.rand(2, 3, 32, 50)).shape == (2, 3, 8, 13)


def test_a_network_of_several_scales_is_told_which():
    class Scales(nn.Module):
        def forward(self, x, scale):
            return nn.functional.interpolate(x, scale_factor=scale)

    assert Runner(Scales(), Footprint(0, scale=3), CPU)(torch.rand(1, 3, 5, 6)).shape == (1, 3, 15, 18)


def test_the_default_tile_fits_memory_and_leaves_small_pictures_whole():
    wide = Few(1 << 30, MemoryError())
    wide.conv = nn.Sequential(nn.Conv2d(3, 600, 1), nn.Conv2d(600, 3, 3, padding=1))
    Runner(wide, Footprint(1), CPU)(torch.rand(1, 3, 100, 120))
    assert wide.seen == [(1, 3, 100, 120)]
    wide.seen.clear()
    Runner(wide, Footprint(1), CPU)(torch.rand(1, 3, 300, 520))
    assert all(16 * 600 * h * w <= 512 << 20 for _, _, h, w in wide.seen)
    assert len(set(wide.seen[1:])) == 1, "the first is the measurement"


FAULTS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("fault", FAULTS, ids=["cuda", "cpu", "python"])
def test_a_shortage_of_memory_redoes_the_tile_smaller_and_says_so_once(fault):
    said: list[str] = []
    net = Few(50 * 50, fault)
    x = torch.rand(1, 3, 200, 230)
    runner = Runner(seeded(net), Footprint(1), CPU, tile=160, say=said.append)
    with torch.inference_mode():
        torch.testing.assert_close(runner(x), net.conv(x))
    assert len(said) == 1
    assert "memory" in said[0]
    net.seen.clear()
    runner(x)
    assert len(said) == 1
    assert all(h * w <= 50 * 50 for _, _, h, w in net.seen), "the smaller size is remembered"


def test_a_batch_is_halved_before_a_tile():
    said: list[str] = []
    net = Few(2 * 30 * 30, MemoryError())
    assert Runner(net, Footprint(1), CPU, say=said.append)(torch.rand(7, 3, 30, 30)).shape == (7, 3, 30, 30)
    assert [shape[0] for shape in net.seen] == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert len(said) == 1


@pytest.mark.parametrize("reach", [1, None])
def test_after_the_last_rung_it_is_a_device_error(reach):
    with pytest.raises(DeviceError, match="out of memory"):
        Runner(Few(8, MemoryError()), Footprint(reach), CPU, tile=300)(torch.rand(1, 3, 200, 230))


def test_other_faults_of_the_network_pass_through():
    with pytest.raises(RuntimeError, match="mat1"):
        Runner(Few(8, RuntimeError("mat1 and mat2")), Footprint(1), CPU)(torch.rand(1, 3, 20, 20))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 0.25])
def test_a_tile_that_cannot_be_right_is_run_again_in_fp32(value):
    x = torch.rand(1, 3, 70, 70)
    x[..., 40:, :] += 1  # so that some tiles are right at once
    assert Runner(Odd(value, above=1.0), Footprint(0), CPU, "bf16", tile=40)(x).equal(x + 0.5)


def test_an_answer_that_stays_wrong_is_an_error_of_the_input():
    x = torch.rand(1, 3, 70, 70)
    with pytest.raises(InputError, match="not finite"):
        Runner(Odd(torch.nan, always=True), Footprint(0), CPU, "bf16", tile=40)(x)
    with pytest.raises(InputError, match="one value"):
        Runner(Odd(0.25, always=True), Footprint(0), CPU, "bf16", tile=40)(x)


def test_a_flat_picture_may_have_a_flat_answer():
    x = torch.full((1, 3, 70, 70), 200, dtype=torch.uint8)
    assert Runner(nn.Identity(), Footprint(0), CPU, "bf16", tile=40)(x, torch.uint8).equal(x)
    white = torch.randint(250, 256, (1, 3, 70, 70), dtype=torch.uint8)
    answer = Runner(Odd(1.0, always=True), Footprint(0), CPU)(white, torch.uint8)
    assert answer.eq(255).all(), "clipped whites of an overexposed picture are no fault"


def test_bf16_is_near_and_an_fp32_skip_stays_exact():
    body = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))
    x = torch.rand(1, 3, 45, 61)
    net, footprint = Skip(seeded(body), 2), Footprint(2, scale=2)
    exact, near = Runner(net, footprint, CPU)(x), Runner(net, footprint, CPU, "bf16")(x)
    assert near.dtype == torch.float32
    assert 0 < float((near - exact).abs().max()) < 0.03
    nn.init.zeros_(body[0].weight)
    nn.init.zeros_(body[0].bias)
    assert Runner(net, footprint, CPU, "bf16")(x).equal(Runner(net, footprint, CPU)(x))


def test_the_load_counts_what_convolutions_hold():
    net = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.Conv2d(64, 12, 3, padding=1), nn.PixelShuffle(2))
    load = memory.measure(net, torch.zeros(1, 3, 20, 30))
    assert load.widest == 64
    assert 12 < load.usual < 64


@pytest.mark.slow
def test_a_hundred_megapixels_fit_into_three_gigabytes():
    resource = pytest.importorskip("resource")
    x = torch.zeros(1, 3, 10_000, 10_000, dtype=torch.uint8)
    x[..., ::7] = 200
    answer = Runner(nn.Conv2d(3, 3, 3, padding=1), Footprint(1), CPU)(x, torch.uint8)
    assert answer.shape == x.shape
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 << 20
