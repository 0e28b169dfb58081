"""The same network under ONNX Runtime and OpenVINO on the CPU (extra `bench`)."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from timing import TINY, by_turns, default, ready, tell

from pixcli.tasks import TASKS

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("task", TASKS)
def test_network_against_other_runtimes(task: str, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    ov = pytest.importorskip("openvino")
    pytest.importorskip("onnxscript")
    card = default(task)
    if card is None:
        pytest.skip(f"no weights are shipped for {task}")
    net = ready(card, "cpu")
    module, footprint = net.runner.net, net.runner.footprint
    side = 64 if TINY else footprint.side or 512
    side = -(-side // footprint.multiple) * footprint.multiple
    channels = next(m for m in module.modules() if isinstance(m, torch.nn.Conv2d)).in_channels
    x = torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(1))

    plain = module.float().eval().to(memory_format=torch.contiguous_format)
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        wanted = plain(x).numpy()
        torch.onnx.export(plain, (x,), tmp_path / "net.onnx", dynamo=True, verbose=False)
    session = ort.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    model = ov.Core().read_model(tmp_path / "net.onnx")
    exact = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    free = ov.compile_model(model, "CPU")  # takes bf16 by itself where the processor has it

    host = x.numpy()

    def whole() -> np.ndarray:
        with torch.inference_mode():
            return plain(x).numpy()

    answers = {
        "onnxruntime": lambda: session.run(None, {name: host})[0],
        "openvino_fp32": lambda: exact(host)[0],
        "openvino": lambda: free(host)[0],
    }
    error = {k: float(np.abs(call() - wanted).max()) for k, call in answers.items()}
    assert error["onnxruntime"] < 1e-3
    assert error["openvino_fp32"] < 1e-3
    ours = ready(card, "cpu").runner
    fp32 = ready(card, "cpu", exact="fp32").runner
    best = by_turns({"ours": lambda: ours(x), "ours_fp32": lambda: fp32(x), "torch_nchw": whole, **answers})
    tell(
        "network against other runtimes",
        model=card.name,
        precision=net.precision,
        input=f"{side} x {side}",
        **{f"{k}_s": v for k, v in best.items()},
        **{f"{k}_to_ours": v / best["ours"] for k, v in best.items() if not k.startswith("ours")},
        fp32_only={
            k: round(v / best["ours_fp32"], 3)
            for k, v in best.items()
            if k in ("onnxruntime", "openvino_fp32")
        },
        openvino_error=error["openvino"],
    )
