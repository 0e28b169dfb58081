"""Muon: descent by gradients whose directions have all been brought to one length.

The momentum of each matrix is replaced by the nearest half-orthogonal matrix (K. Jordan et al., "Muon: an
optimizer for hidden layers in neural networks", 2024), by five Newton–Schulz steps. The restoration networks
are nothing but convolutions; they need two to three times fewer steps with it than with AdamW, but not a rate
above 0.01: without norms to hold them they burst. torch's own takes matrices alone; here a kernel
(out, in, y, x) counts as the matrix (out, in · y · x), and groups that say `adam` are moved by AdamW
(Loshchilov & Hutter 2019), as vectors and what came from elsewhere want it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

STEEP = (3.4445, -4.7750, 2.0315)  # the quintic that pulls singular values of 0..1 to about 1 fastest
BETAS = (0.9, 0.99)  # of AdamW


class Muon(torch.optim.Optimizer):
    """params: tensors of two dimensions or more, or groups of them; in groups with adam=True any.

    decay: of weights, by AdamW alone. Raises ValueError for a vector elsewhere.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 0.005, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "adam": False, "decay": decay})
        if any(p.dim() < 2 for group in self.param_groups if not group["adam"] for p in group["params"]):
            raise ValueError("Muon moves matrices and kernels; vectors belong in a group with adam=True")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if group["adam"]:
                    _adam(p, p.grad, state, group["lr"], group["decay"])
                    continue
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(state["momentum"], group["momentum"])  # Nesterov's
                move = orthogonal(ahead.flatten(1))
                tall = max(1.0, move.shape[0] / move.shape[1]) ** 0.5
                p.add_(move.view(p.shape), alpha=-group["lr"] * tall)
        return None


def _adam(p: Tensor, grad: Tensor, state: dict[str, Any], rate: float, decay: float) -> None:
    """One step of AdamW, its moments kept for 10 and 100 steps."""
    if not state:
        state.update(step=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
    state["step"] += 1
    state["mean"].lerp_(grad, 1 - BETAS[0])
    state["square"].lerp_(grad.square(), 1 - BETAS[1])
    mean, square = (
        state[k] / (1 - b ** state["step"]) for k, b in zip(("mean", "square"), BETAS, strict=True)
    )
    p.mul_(1 - rate * decay).addcdiv_(mean, square.sqrt() + 1e-8, value=-rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """(m, n) → the same directions, every singular value between about 0.7 and 1.2."""
    wide = matrix.float() if matrix.shape[0] <= matrix.shape[1] else matrix.float().T
    x = wide / (wide.norm() + 1e-7)
    a, b, c = STEEP
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
