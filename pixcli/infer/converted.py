"""A network under OpenVINO: converted once, kept in the user's cache folder, compared with torch at each use.

Below the cache folder lies, by a hash of weights and structure, KEY/net.xml with its net.bin, and KEY.json:
how many times as fast as torch it was, or why it is of no use, by processor, threads and precision.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pixcli.atomic import write_bytes
from pixcli.errors import OutputError
from pixcli.infer.device import processor
from pixcli.infer.runtime import cache_folder, installed
from pixcli.infer.tiles import up

if TYPE_CHECKING:
    from pixcli.infer.runner import Runner

# of the largest answer, or of 1 where that is less: how far answers in fp32 may be from torch's
WITHIN = 1e-3
GAIN = 1.1  # times as fast as torch it must be, lest noise decides
SIDE, WHOLE_SIDE = 128, 384  # of the picture for timing: a tile; the largest whole picture
PLAIN = (bool, int, float, str, tuple, list, type(None))
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class Unfit(Exception):
    """OpenVINO cannot run this network, or not as torch does; in words."""


class Converted:
    """Called like the network, (N, C, H, W) float32 on the CPU. For one thread at a time."""

    def __init__(self, model: Any, precision: str) -> None:
        import openvino as ov

        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # other threads decode and encode
        }
        self._net = ov.Core().compile_model(model, "CPU", settings)

    def __call__(self, x: Tensor) -> Tensor:
        answer = self._net(x.contiguous().numpy(), share_inputs=True, share_outputs=False)[0]
        return torch.from_numpy(answer).float()


class _OfPicture(nn.Module):
    """The network as a function of the picture alone."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.net = copy.deepcopy(runner.net).to(memory_format=torch.contiguous_format)
        self.more = (runner.footprint.scale,) if runner.with_scale else ()

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.net(x, *self.more)
        return answer


def offer(
    runner: Runner, channels: int, asked: str, say: Callable[[str], None]
) -> tuple[Converted | None, str]:
    """The runner's network under OpenVINO, or None where torch is to run it; and why.

    asked: openvino, or auto, which takes it where it was measured to be faster.
    """
    kept, place = _Kept(key_of(runner, channels)), place_of(runner)
    known = kept.read()
    found = known.get(place)
    if isinstance(found, str):
        return None, found
    net = None
    try:
        if asked == "openvino" or found is None or found >= GAIN:
            net = _made(runner, channels, kept, say)
        if asked == "auto" and found is None and net is not None:
            found = _gain(runner, net, channels)
            kept.write(known | {place: found})
    except Unfit as fault:
        kept.write(known | {place: str(fault)})
        return None, str(fault)
    if asked == "openvino":
        return net, "asked for"
    assert isinstance(found, float)
    return net if found >= GAIN else None, f"OpenVINO is {found:.1f} times as fast as torch here"


def is_known(runner: Runner, channels: int) -> bool:
    """Whether it was found out before how fast this network is under OpenVINO here, or that it cannot be."""
    return place_of(runner) in _Kept(key_of(runner, channels)).read()


def place_of(runner: Runner) -> str:
    return f"{processor()}, {torch.get_num_threads()} threads, {runner.precision}"


def key_of(runner: Runner, channels: int) -> str:
    """A hash of all that the converted network depends on."""
    net, seen = runner.net, hashlib.sha256()
    for name, part in net.named_modules():
        plain = {k: v for k, v in vars(part).items() if isinstance(v, PLAIN)}
        seen.update(f"{name} {type(part).__module__}.{type(part).__qualname__} {plain}\n".encode())
    for name, t in (*net.named_parameters(), *net.named_buffers()):
        seen.update(f"{name} {t.dtype} {tuple(t.shape)}\n".encode())
        seen.update(t.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    seen.update(f"{channels} channels, {runner.footprint}".encode())
    return seen.hexdigest()[:32]


class _Kept:
    """What lies in the cache folder for one key. Where that cannot be written, nothing is kept."""

    def __init__(self, key: str) -> None:
        try:
            self.folder: Path | None = cache_folder() / key
        except RuntimeError:  # there is no home
            self.folder = None

    def read(self) -> dict[str, float | str]:
        """Gains and faults by place."""
        with suppress(OSError, ValueError, AttributeError):
            if self.folder is not None:
                found = json.loads(self.folder.with_suffix(".json").read_text())
                return {k: v for k, v in found.items() if isinstance(v, float | str)}
        return {}

    def write(self, known: dict[str, float | str]) -> None:
        with suppress(OSError, OutputError):
            if self.folder is not None:
                self.folder.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(self.folder.with_suffix(".json"), json.dumps(known, indent=1).encode())

    def model(self) -> Any:
        """OpenVINO's model, or None."""
        import openvino as ov

        if self.folder is None or not (self.folder / "net.xml").is_file():
            return None
        try:
            return ov.Core().read_model(self.folder / "net.xml")
        except RuntimeError:  # cut, or of another version
            return None

    def keep(self, model: Any) -> None:
        import shutil

        import openvino as ov

        with suppress(OSError, RuntimeError):
            if self.folder is None:
                return
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self.folder.parent, ignore_cleanup_errors=True) as folder:
                ov.save_model(model, Path(folder, "whole", "net.xml"), compress_to_fp16=False)
                shutil.rmtree(self.folder, ignore_errors=True)
                os.replace(Path(folder, "whole"), self.folder)  # noqa: PTH105 (a folder)


def _made(runner: Runner, channels: int, kept: _Kept, say: Callable[[str], None]) -> Converted:
    """From the cache, else converted now; in both cases found to agree with torch. Raises Unfit."""
    model = kept.model()
    if model is not None:
        with suppress(Unfit, RuntimeError):
            net = Converted(model, runner.precision)
            _compare(runner, net, channels)
            return net
    say(f"converting the network for OpenVINO {installed()}, once for these weights")
    try:
        model = _convert(runner, channels)
        net = Converted(model, runner.precision)
    except Unfit:
        raise
    except Exception as fault:  # a converter fails in any way; torch is still there
        raise Unfit(f"OpenVINO cannot convert this network: {line_of(fault)}") from None
    _compare(runner, net, channels)
    kept.keep(model)
    return net


def _convert(runner: Runner, channels: int) -> Any:
    """OpenVINO's model, for any number of pictures of any size. Raises whatever is wrong."""
    import openvino as ov
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    high, wide = _sizes(runner)[0]
    net = _OfPicture(runner)
    _straight(net, channels, high, wide)
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        traced = TorchScriptPythonDecoder(net, example_input=_picture(channels, high, wide))
        # what ov.convert_model does, which besides reports each use to Intel over the network
        reader = FrontEndManager().load_by_framework("pytorch")
        model = reader.convert(reader.load(traced))
    model.reshape({model.inputs[0]: ov.PartialShape([-1, channels, -1, -1])})
    return model


def _straight(net: nn.Module, channels: int, height: int, width: int) -> None:
    """Raises Unfit for a network that looks at values to know what to do next.

    Its trace would hold one way for ever. So it is run on tensors that have a shape and no values.
    """
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        try:
            net(torch.empty(1, channels, height, width))
        except (NotImplementedError, RuntimeError):
            raise Unfit("OpenVINO cannot run this network: its steps depend on what it is given") from None


def _sizes(runner: Runner) -> tuple[tuple[int, int], ...]:
    """Small ones to compare answers on; each differs from the others in both sides."""
    m = runner.footprint.multiple
    return (up(48, m), up(48, m) + m), (up(64, m) + 2 * m, up(64, m))


def _compare(runner: Runner, net: Converted, channels: int) -> None:
    """Raises Unfit unless the answers are torch's: in fp32 to WITHIN; in bf16 as near to fp32 as torch's."""
    for n, size in enumerate(_sizes(runner)):
        x = _picture(channels, *size).expand(1 + n, -1, -1, -1)
        try:
            found = net(x)
        except RuntimeError as fault:
            raise Unfit(f"OpenVINO cannot run this network: {line_of(fault)}") from None
        with torch.inference_mode():
            with runner.cast("fp32"):
                wanted = runner.forward(x)
            with runner.cast(runner.precision):
                near = runner.forward(x)
        if found.shape != wanted.shape:
            raise Unfit(f"OpenVINO answers with {tuple(found.shape)}, not {tuple(wanted.shape)}")
        reach = max(1.0, float(wanted.abs().max()))
        if runner.precision == "fp32":
            off, limit = float((found - wanted).abs().max()), WITHIN * reach
        else:
            off, own = (float((y - wanted).square().mean().sqrt()) for y in (found, near))
            limit = 1.25 * own + 1e-4 * reach
        if not off <= limit:  # nor where it is no number
            raise Unfit(f"OpenVINO's answers in {runner.precision} are {off:.2g} off torch's")


def _gain(runner: Runner, net: Converted, channels: int) -> float:
    """How many times as fast as torch it answers: the best of three by turns, a tile or a whole picture."""
    local = runner.footprint.reach is not None
    side = up(SIDE if local else min(runner.footprint.side or 256, WHOLE_SIDE), runner.footprint.multiple)
    x = _picture(channels, side, side).contiguous(memory_format=torch.channels_last)
    best: dict[Any, float] = {}
    with torch.inference_mode(), runner.cast(runner.precision):
        for turn in range(4):  # the first prepares
            for run in (runner.forward, net):
                began = time.perf_counter()
                run(x)
                took = time.perf_counter() - began
                best[run] = min(best.get(run, took), took) if turn > 1 else took
    return round(best[runner.forward] / best[net], 2)


def _picture(channels: int, height: int, width: int) -> Tensor:
    """(1, C, H, W) in 0..1, always the same: something smooth, with grain."""
    grain = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 4, width), indexing="ij")
    phases = torch.arange(channels)[:, None, None]
    smooth = 0.5 + 0.35 * torch.sin(x + phases) * torch.cos(y + 2 * phases)
    return (smooth + 0.05 * torch.randn(smooth.shape, generator=grain)).clamp(0, 1)[None]


def line_of(fault: BaseException) -> str:
    """What OpenVINO has to say, without where in its sources it stands."""
    lines = [line.strip("- ") for line in str(fault).splitlines() if line.strip()]
    lines = [line for line in lines if " from src/" not in line and " at src/" not in line]
    return next(
        (line for line in lines if "operations:" in line), lines[-1] if lines else type(fault).__name__
    )
