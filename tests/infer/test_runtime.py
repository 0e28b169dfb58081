"""OpenVINO behind the same door: the same answers, kept between runs, never the reason of a failure."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pixcli.engine import Settings, attach
from pixcli.engine.events import Event
from pixcli.errors import DeviceError, UsageError
from pixcli.infer import converted, runtime
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.infer.runtime import Runtime
from pixcli.media import Picture
from pixcli.models import catalogue, load
from pixcli.nets import build
from pixcli.tasks import TASKS
from tests.conftest import NEEDED
from tests.footprints import CPU
from tests.infer.test_runner import seeded

installed = runtime.installed  # before the tests' own is put there


@pytest.fixture
def openvino(monkeypatch, tmp_path):
    pytest.importorskip("openvino")
    monkeypatch.setattr("pixcli.infer.runtime.installed", installed)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return runtime.cache_folder


def runner(net, footprint, asked="openvino", precision="fp32", tile=None):
    """It, and what it will have told."""
    told: list[tuple[str, str]] = []
    chose = lambda name, why: told.append((name, why))  # noqa: E731
    return Runner(net, footprint, CPU, precision, tile=tile, runtime=Runtime(asked, chose)), told


def plain():
    return seeded(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1)))


def folded_encoder():
    from pixcli.models.fold import fold

    torch.manual_seed(0)
    return fold(build("lite-segment", {"heads": {"labels": 5}, "channels": 8}).eval())


def test_answers_are_those_of_torch_in_any_size_number_and_tile(openvino):
    net, footprint = plain(), Footprint(2)
    ours, told = runner(net, footprint, tile=40)
    for shape in ((2, 3, 37, 90), (1, 3, 64, 64)):
        x = torch.rand(shape)
        torch.testing.assert_close(ours(x), Runner(net, footprint, CPU, tile=40)(x), rtol=0, atol=1e-3)
    assert [name for name, _ in told] == ["", "openvino"], "converted once, told once"


def test_an_encoder_of_whole_pictures_and_several_scales_agree(openvino):
    net, footprint = folded_encoder(), Footprint(None, 32, side=64)
    ours, told = runner(net, footprint)
    x = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(ours(x), Runner(net, footprint, CPU)(x), rtol=0, atol=1e-3)
    assert told[-1][0] == "openvino"

    class Scales(nn.Module):
        def forward(self, x, scale):
            return nn.functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)

    for scale in (2, 3):
        ours, told = runner(Scales(), Footprint(1, scale=scale))
        torch.testing.assert_close(
            ours(x), Runner(Scales(), Footprint(1, scale=scale), CPU)(x), rtol=0, atol=1e-3
        )
        assert told[-1][0] == "openvino"


def test_it_is_converted_once_for_each_number_of_channels(openvino):
    class Any(nn.Module):
        def forward(self, x):
            return x * 0.5 if x.shape[1] == 1 else x * 0.25

    ours, told = runner(Any(), Footprint(0))
    for channels, factor in ((1, 0.5), (3, 0.25), (1, 0.5)):
        x = torch.rand(1, channels, 20, 30)
        torch.testing.assert_close(ours(x), x * factor)
    assert [name for name, _ in told] == ["", "openvino"] * 2


def test_what_was_converted_is_kept_and_what_is_damaged_is_made_anew(openvino):
    net, x = plain(), torch.rand(1, 3, 30, 40)
    wanted = Runner(net, Footprint(2), CPU)(x)

    def converts() -> bool:
        ours, told = runner(net, Footprint(2))
        torch.testing.assert_close(ours(x), wanted, rtol=0, atol=1e-3)
        assert told[-1] == ("openvino", "asked for")
        return any(name == "" for name, _ in told)

    assert converts()
    assert not converts()
    (kept,) = openvino().glob("*/net.bin")
    kept.write_bytes(bytes(kept.stat().st_size))  # other weights
    assert converts()
    kept.with_suffix(".xml").write_text("<net")
    assert converts()
    assert not converts()
    with torch.no_grad():
        net[0].weight.mul_(2)
    wanted = Runner(net, Footprint(2), CPU)(x)
    assert converts()
    assert len(list(openvino().glob("*/net.xml"))) == 2
    assert not list(openvino().glob("tmp*"))


def test_a_cache_that_cannot_be_written_is_done_without(openvino, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    ours, told = runner(plain(), Footprint(2))
    ours(torch.rand(1, 3, 30, 40))
    assert told[-1][0] == "openvino"


class Unknown(nn.Module):
    def forward(self, x):
        return torch.linalg.eigh(x @ x.mT).eigenvalues[..., None] + x


class OfTheExample(nn.Module):
    """Its trace holds the size of the example."""

    def forward(self, x):
        return x * torch.tensor([x.shape[2]])


class ByContent(nn.Module):
    """As in its trace, but for what is not seen there."""

    def forward(self, x):
        return x * 2 if x.mean() > 0.99 else x


@pytest.mark.parametrize("kind", [Unknown, OfTheExample, ByContent])
def test_a_network_that_does_not_suit_stays_with_torch_and_says_so_in_one_line(openvino, kind):
    x = torch.rand(1, 3, 24, 24)
    for asked in ("openvino", "auto"):
        ours, told = runner(kind(), Footprint(None), asked)
        assert ours(x).equal(kind()(x))
        name, why = told[-1]
        assert name == "torch"
        assert "OpenVINO" in why
        assert "\n" not in why
        assert {Unknown: "linalg_eigh", OfTheExample: "off torch's", ByContent: "depend"}[kind] in why
    assert [name for name, _ in told] == ["torch"], "what does not suit is not tried again"


@pytest.mark.parametrize(("gain", "taken"), [(2.5, "openvino"), (0.7, "torch")])
def test_auto_takes_the_faster_one_and_remembers(openvino, monkeypatch, gain, taken):
    net, x = plain(), torch.rand(1, 3, 30, 40)
    monkeypatch.setattr(converted, "_gain", lambda *_: gain)
    monkeypatch.setattr("pixcli.infer.runner.PATIENCE", 0)
    ours, told = runner(net, Footprint(2), "auto")
    ours(x)
    assert told[-1] == (taken, f"OpenVINO is {gain} times as fast as torch here")
    monkeypatch.delattr(converted, "_gain")
    monkeypatch.setattr("pixcli.infer.runner.PATIENCE", 9)
    again, told = runner(net, Footprint(2), "auto")
    again(x)
    assert [name for name, _ in told] == [taken]


def test_auto_lets_torch_do_a_few_pictures_before_it_converts(openvino, monkeypatch):
    net, x = plain(), torch.rand(1, 3, 30, 40)
    monkeypatch.setattr(converted, "_gain", lambda *_: 2.0)
    ours, told = runner(net, Footprint(2), "auto")
    ours(x)
    ours(x)
    assert told == []
    assert not openvino().exists()
    ours.spent = 60
    ours(x)
    assert told[-1][0] == "openvino"


def test_the_probe_measures(openvino, monkeypatch):
    monkeypatch.setattr("pixcli.infer.runner.PATIENCE", 0)
    ours, _ = runner(plain(), Footprint(2), "auto")
    ours(torch.rand(1, 3, 30, 40))
    (known,) = openvino().glob("*.json")
    ((place, gain),) = json.loads(known.read_text()).items()
    assert place.endswith("fp32")
    assert 0.01 < gain < 100


def test_bf16_is_taken_only_where_it_is_as_fine_as_torchs(openvino):
    """torch keeps an exact skip in fp32; OpenVINO narrows all of it."""

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = plain()

        def forward(self, x):
            return x + 1e-3 * self.body(x)

    x = torch.rand(1, 3, 30, 40)
    ours, told = runner(Skip(), Footprint(2), precision="bf16")
    assert (ours(x) - Runner(Skip(), Footprint(2), CPU)(x)).abs().max() < 1e-4
    if told[-1][0] == "openvino":  # on a processor without bf16
        return
    assert "bf16" in told[-1][1]


def test_a_failure_in_the_midst_of_work_goes_on_with_torch(openvino, monkeypatch):
    ours, told = runner(plain(), Footprint(2), tile=60)
    x = torch.rand(1, 3, 200, 230)
    wanted = ours(x)
    calls = iter(range(100))
    right = ours.converted[3]

    def failing(x):
        if next(calls) > 1:
            raise RuntimeError("Exception from src/a.cpp:1:\nno such kernel\n")
        return right(x)

    ours.converted[3] = failing
    torch.testing.assert_close(ours(x), wanted, rtol=0, atol=1e-3)
    assert told[-1] == ("torch", "OpenVINO failed: no such kernel")


def test_what_cannot_be_asked_for(openvino, monkeypatch):
    assert runtime.device_for("openvino", "auto") == runtime.device_for("openvino", "cpu") == "cpu"
    assert runtime.device_for("auto", "cuda:1") == "cuda:1"
    for asked, device in (("tensorrt", "auto"), ("openvino", "cuda")):
        with pytest.raises(UsageError):
            runtime.device_for(asked, device)
    monkeypatch.setattr("pixcli.infer.runtime.installed", str)
    with pytest.raises(DeviceError, match="not installed") as fault:
        runtime.device_for("openvino", "auto")
    assert "pip install" in fault.value.hint


def test_the_command_says_how_to_install_it(here, tiny, tmp_path):
    from PIL import Image

    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    words = ["superres", "a.png", "-o", "b.png", "--model", tiny["superres"], "--runtime", "openvino"]
    done = here(*words)
    assert done.returncode == 5
    assert "pip install 'pixcli[openvino]'" in done.stderr
    assert here(*words, "--device", "mps").returncode == 2
    assert here(*words[:-1], "tensorrt").returncode == 2


def test_nothing_is_imported_where_torch_computes(tmp_path):
    code = (
        "import sys, pixcli.infer.runner, pixcli.engine; assert not any('openvino' in m for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


STAY = {"lite-flow"}  # with torch: its trace holds the size of what it compares
SHIPPED = {(c.network, str(c.arguments)): c for c in catalogue() if c.name != "scratches"}  # a finder


@pytest.mark.parametrize("card", [pytest.param(c, id=c.name) for c in SHIPPED.values()])
def test_shipped_weights_answer_as_in_torch(openvino, card):
    given = torch.randint(0, 256, (40, 56, 3), dtype=torch.uint8).numpy()
    alpha = given[..., 0] if card.task in NEEDED else None
    answers = {}
    for name in ("torch", "openvino"):
        events: list[Event] = []
        task = TASKS[card.task](**NEEDED.get(card.task, {}))
        attach(task, load(card), Settings(device="cpu", precision="fp32", runtime=name), [events.append])
        pair = len(inspect.signature(task.prepare).parameters) > 1
        sample = task.prepare(*[Picture(given, alpha), Picture(given[::-1].copy(), alpha)][: 1 + pair])
        answers[name] = task.infer([sample])[0].float()
        ran = "torch" if card.network in STAY else "openvino"
        assert [e.runtime for e in events if e.runtime] == [ran] * (name == "openvino")
    full = {torch.uint8: 255, torch.uint16: 65535}.get(sample.answer, 1)
    reach = max(1.0, float(answers["torch"].abs().max()) / full)
    off = (answers["torch"] - answers["openvino"]).abs().max() / full
    assert off <= 1e-3 * reach + (1 / full if full > 1 else 0)  # which way a half is rounded


def test_the_command_says_what_ran(openvino, here, tiny, tmp_path: Path):
    from PIL import Image

    (tmp_path / "in").mkdir()
    pixels = torch.randint(0, 256, (20, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.numpy()).save(tmp_path / "in/a.png")

    def run(*more: str) -> list[dict[str, object]]:
        words = ["in", "-o", "out", "--model", tiny["superres"], "--scale", "2", "--precision", "fp32"]
        done = here("superres", *words, *more, "--json", XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    by = {}
    for name in ("openvino", "torch"):
        _, item, summary = run("--runtime", name, "--force")
        assert item["runtime"] == summary["runtime"] == name
        by[name] = Image.open(tmp_path / "out/a.png").tobytes()
    assert max(abs(a - b) for a, b in zip(by["torch"], by["openvino"], strict=True)) <= 1
    assert run("--runtime", "openvino")[1]["status"] == "skipped", "the runtime makes nothing stale"
