"""The same network under ONNX Runtime and OpenVINO on the CPU (extra `bench`)."""

from __future__ import annotations

import copy
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from timing import TINY, Ready, as_picture, by_turns, default, photograph, ready, tell

from pixcli.infer import runtime
from pixcli.infer.runner import Runner
from pixcli.tasks import TASKS

pytestmark = pytest.mark.bench
installed = runtime.installed  # before the tests' own is put there


class AsGiven(torch.nn.Module):
    """The network as a function of one tensor: a scale among its arguments is fixed."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.net = copy.deepcopy(runner.net)
        scaled = "scale" in inspect.signature(self.net.forward).parameters
        self.more = (runner.footprint.scale,) if scaled else ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x, *self.more)


def network_of(net: Ready) -> tuple[Runner, torch.Tensor]:
    """What the task runs, and what it would be given of a photograph: (1, C, H, W) float32."""
    runner = getattr(net.task, "runners", {}).get(4, net.task.runner)
    side, multiple = 64 if TINY else 512, runner.footprint.multiple
    sample = net.sample(as_picture(photograph(side, side, 1))).tensor
    x = sample.float() / 255 if sample.dtype == torch.uint8 else sample
    height, width = (n // multiple * multiple for n in x.shape[1:])
    return runner, x[None, :, :height, :width].contiguous()


@pytest.mark.parametrize("task", TASKS)
def test_network_against_other_runtimes(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    monkeypatch.setattr("pixcli.infer.runtime.installed", installed)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pytest.importorskip("onnxscript")
    card = default(task)
    if card is None:
        pytest.skip(f"no weights are shipped for {task}")
    net = ready(card, "cpu")
    runner, x = network_of(net)
    fp32, _ = network_of(ready(card, "cpu", exact="fp32"))
    other, _ = network_of(ready(card, "cpu", runtime="openvino"))
    exact, _ = network_of(ready(card, "cpu", exact="fp32", runtime="openvino"))
    plain = AsGiven(runner).to(memory_format=torch.contiguous_format)
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        wanted = plain(x).numpy()
        torch.onnx.export(plain, (x,), tmp_path / "net.onnx", dynamo=True, verbose=False)
    session = ort.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    channels = x.shape[1]
    whole_ov, whole_ov_fp32 = other.network(channels), exact.network(channels)
    taken = other.converted[channels] is not None  # not where bf16 spoils what torch keeps exact
    host = x.numpy()

    def whole() -> np.ndarray:
        with torch.inference_mode():
            return plain(x).numpy()

    answers = {
        "onnxruntime": lambda: session.run(None, {name: host})[0],
        "openvino_fp32": lambda: whole_ov_fp32(x).numpy(),
        "openvino": lambda: whole_ov(x).numpy(),
    }
    reach = max(1.0, float(np.abs(wanted).max()))
    error = {k: float(np.abs(call() - wanted).max()) / reach for k, call in answers.items()}
    assert error["onnxruntime"] < 1e-3
    assert error["openvino_fp32"] < 1e-3
    best = by_turns(
        {
            "ours": lambda: runner(x),
            "ours_openvino": lambda: other(x),
            "ours_fp32": lambda: fp32(x),
            "ours_openvino_fp32": lambda: exact(x),
            "torch_nchw": whole,
            **answers,
        }
    )
    tell(
        "network against other runtimes",
        model=card.name,
        precision=net.precision,
        openvino_suits=taken,
        input=f"{x.shape[-1]} x {x.shape[-2]}",
        **{f"{k}_s": v for k, v in best.items()},
        **{f"{k}_to_ours": v / best["ours"] for k, v in best.items() if not k.startswith("ours")},
        fp32_only={
            k: round(v / best["ours_fp32"], 3)
            for k, v in best.items()
            if k in ("onnxruntime", "openvino_fp32", "ours_openvino_fp32")
        },
        openvino_error=error["openvino"],
    )
