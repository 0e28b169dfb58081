"""The training loop: one for all recipes, on a CPU or a card, going on from its last checkpoint."""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pixcli.atomic import atomic
from pixcli.train.store import Source

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up and a cosine to zero; an average of the weights (EMA) is what is kept.

    steps: length of the run; with `minutes` given to `train` the cosine ends by whichever comes first.
    """

    steps: int
    rate: float
    batch: int
    warmup: int = 200
    decay: float = 1e-4
    ema: float = 0.999
    clip: float = 1.0


@dataclass(frozen=True)
class Trained:
    """The averaged network, how long it took, and the recipe's own figures on pictures held back."""

    net: nn.Module
    steps: int
    minutes: float
    figures: dict[str, float]


class Recipe:
    """Data + degradation + network + loss + schedule. A subclass is one readable file in recipes/.

    `batch` must depend on `rng` and `progress` alone, so that a run that was killed goes on as if it had not
    been. progress: how much of the run is over, 0..1, when a batch is made; by the clock with `minutes`.
    """

    progress = 0.0

    name: str
    title: str
    task: str
    network: str
    arguments: dict[str, Any]
    schedule: Schedule
    sources: tuple[Source, ...]
    beside: tuple[Source, ...] = ()  # sets that it reads in a manner of its own, as pairs
    classes: tuple[dict[str, Any], ...] = ()  # of labels, as the card wants them
    holds_for = ""  # where its units can be relied on
    serves: tuple[str, ...] = ()  # further tasks that the same weights are for

    def open(self, data: Path, cache: Path) -> None:
        """Make the training data ready: data is PIXCLI_DATA, cache a folder for decoded pictures."""

    def build(self) -> nn.Module:
        from pixcli.nets import build

        return build(self.network, self.arguments)

    def adopt(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of another run, to begin from, under the names of this network."""
        return weights

    def groups(self, net: nn.Module) -> list[dict[str, Any]]:
        """Parameter groups for the optimiser; "factor" multiplies the schedule's rate."""
        return [{"params": list(net.parameters()), "factor": 1.0}]

    def optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        s = self.schedule
        return torch.optim.AdamW(self.groups(net), lr=s.rate, betas=(0.9, 0.99), weight_decay=s.decay)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        raise NotImplementedError

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        raise NotImplementedError

    def calibrate(self, net: nn.Module) -> dict[str, float]:
        """What is left to choose after training, on pictures held back: defaults of the task's options."""
        return {}

    def validate(self, net: nn.Module) -> dict[str, float]:
        """A few figures on pictures that are neither trained on nor in any test set."""
        return {}


def train(
    recipe: Recipe,
    data: Path,
    run: Path,
    *,
    device: torch.device,
    precision: str = "fp32",
    minutes: float | None = None,
    seed: int = 0,
    every: float = 180.0,
    start: Path | None = None,
    say: Callable[[str], None] = print,
) -> Trained:
    """Train to the end of the schedule; the network is the averaged one.

    run: folder of this run: `last.pt` (everything needed to go on), `log.jsonl`. precision: "bf16" runs the
    network under autocast. start: weights to begin from, of a checkpoint (averaged) or a .safetensors file;
    what fits is taken.
    every: seconds between checkpoints.
    """
    run.mkdir(parents=True, exist_ok=True)
    recipe.open(data, run.parent / "cache")
    torch.manual_seed(seed)
    s = recipe.schedule
    net = recipe.build().to(device).to(memory_format=torch.channels_last)
    if start is not None:
        _take(net, recipe.adopt(_begun(start, device)), say)
    average = {k: v.detach().clone() for k, v in net.state_dict().items()}
    optimiser = recipe.optimiser(net)
    step, spent = 0, 0.0
    last = run / "last.pt"
    if last.exists():
        state = torch.load(last, weights_only=True, map_location=device)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        average, step, spent = state["average"], state["step"], state["spent"]
        say(f"going on from step {step}, {spent / 60:.1f} minutes in")

    net.train()
    kind = torch.bfloat16 if precision == "bf16" else torch.float16
    began, saved, running, count = time.monotonic() - spent, time.monotonic(), 0.0, 0

    def progress(at: int) -> float:
        return max(at / s.steps, (time.monotonic() - began) / (60 * minutes) if minutes else 0.0)

    for batch in _ahead(recipe, seed, step, progress):
        spent = time.monotonic() - began
        over = progress(step)
        if over >= 1:
            break
        rate = s.rate * min(1.0, (step + 1) / s.warmup) * 0.5 * (1 + math.cos(math.pi * over))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        batch = {k: _to(v, device) for k, v in batch.items()}
        with torch.autocast(device.type, dtype=kind, enabled=precision != "fp32"):
            loss = recipe.loss(net, batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), s.clip)
        optimiser.step()
        step += 1
        _blend(average, net, min(s.ema, (1 + step) / (10 + step)))
        running, count = running + loss.item(), count + 1
        if time.monotonic() - saved > every:
            saved = time.monotonic()
            _save(last, net, optimiser, average, step, spent)
            _log(run, say, step, spent, running / count, rate, _validated(recipe, net, average))
            running, count = 0.0, 0
    _save(last, net, optimiser, average, step, spent)
    figures = _validated(recipe, net, average)
    _log(run, say, step, spent, running / max(count, 1), 0.0, figures)
    net.load_state_dict(average)
    return Trained(net.eval(), step, spent / 60, figures)


def _ahead(recipe: Recipe, seed: int, step: int, progress: Callable[[int], float]) -> Iterator[Batch]:
    """Batches from `step` on, each made from its own number alone, three ahead on a thread."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(3)
    stop = threading.Event()

    def work() -> None:
        n = step
        while not stop.is_set():
            try:
                recipe.progress = min(progress(n), 1.0)
                made: Batch | BaseException = recipe.batch(
                    np.random.default_rng((seed, n)), recipe.schedule.batch
                )
            except BaseException as fault:
                made = fault
            while not stop.is_set():
                try:
                    ready.put(made, timeout=0.5)
                    break
                except queue.Full:
                    continue
            n += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            batch = ready.get()
            if isinstance(batch, BaseException):
                raise batch
            yield batch
    finally:
        stop.set()
        thread.join()


def _to(x: Tensor, device: torch.device) -> Tensor:
    x = x.to(device, non_blocking=True)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


@torch.no_grad()
def _blend(average: dict[str, Tensor], net: nn.Module, keep: float) -> None:
    for k, v in net.state_dict().items():
        if v.dtype.is_floating_point:
            average[k].lerp_(v, 1 - keep)
        else:
            average[k].copy_(v)


def _begun(start: Path, device: torch.device) -> dict[str, Tensor]:
    if start.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {k: v.float() for k, v in load_file(start, device=str(device)).items()}
    averaged: dict[str, Tensor] = torch.load(start, weights_only=True, map_location=device)["average"]
    return averaged


def _take(net: nn.Module, weights: dict[str, Tensor], say: Callable[[str], None]) -> None:
    own = net.state_dict()
    fit = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    net.load_state_dict(own | fit)
    say(f"began from {len(fit)} of {len(own)} tensors")


def _validated(recipe: Recipe, net: nn.Module, average: dict[str, Tensor]) -> dict[str, float]:
    own = {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(average)
    net.eval()
    with torch.inference_mode():
        figures = recipe.validate(net)
    net.load_state_dict(own)
    net.train()
    return {k: float(v) for k, v in figures.items()}


def _save(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    step: int,
    spent: float,
) -> None:
    state = {
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average,
        "step": step,
        "spent": spent,
    }
    with atomic(path) as temp:
        torch.save(state, temp)


def _log(
    run: Path,
    say: Callable[[str], None],
    step: int,
    spent: float,
    loss: float,
    rate: float,
    figures: dict[str, float],
) -> None:
    row = {"step": step, "minutes": round(spent / 60, 2), "loss": round(loss, 5), "rate": rate, **figures}
    with (run / "log.jsonl").open("a") as f:
        f.write(json.dumps(row) + "\n")
    say("  ".join(f"{k} {v:.4g}" for k, v in row.items()))
