"""colorize, first stage: LiteColour from ImageNet weights, by soft cross-entropy over Zhang's 313 bins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.infer.lab import rgb_to_lab
from pixcli.nets.ab_bins import bins
from pixcli.nets.lite_colour import LiteColour
from pixcli.train import imagenet
from pixcli.train.age import age, grey_of
from pixcli.train.loop import Batch, Recipe, Schedule
from pixcli.train.store import Source, Store

FROZEN = 3  # blocks of the encoder that stay as ImageNet made them: half of the training time
REBALANCE = 0.5  # lambda of the paper
KEPT = 0.25  # share of the rebalancing that the shipped network keeps: all is too colourful, none too grey
TEMPERATURES = (0.38, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5)
CHROMA, VARIETY = 0.68, 0.54  # shares of the truth's: less is a wash, more costs error


class Colorize(Recipe):
    name, task, network = "colorize", "colorize", "lite-colour"
    arguments = {"channels": 128, "bins": 313}  # noqa: RUF012
    title = "Colour for black-and-white photographs"
    schedule = Schedule(steps=12_000, rate=1e-3, batch=32, warmup=300, decay=0.02, ema=0.999, clip=1.0)

    sources: tuple[Source, ...] = (
        Source(
            "data/photos_small",
            0.25,
            hold_every=25,
            title="9,034 thumbnails: MiniPlaces, UTKFace, Flickr8k, fashion, cats and dogs, flowers, cars",
            licence="research sets, mostly without a stated licence",
        ),
        Source(
            "data/photos_imagenet1000",
            0.10,
            colourful=6,
            hold_every=10,
            title="one picture of each ImageNet class",
            licence="ImageNet terms (non-commercial research)",
        ),
        Source(
            "data/photos_bsds400",
            0.05,
            colourful=6,
            hold_every=8,
            title="BSDS500, train and test",
            licence="non-commercial research and education",
        ),
        Source(
            "data/photos_hires",
            0.04,
            reductions=(1.0, 0.6),
            short_side=320,
            hold_every=8,
            title="wallpapers and DIV2K validation pictures",
            licence="CC0, CC BY, CC BY-SA, GPL, Unsplash; DIV2K for academic research",
        ),
        Source(
            "data/places_128",
            0.56,
            colourful=7,
            optional=True,
            title="110,002 MiniPlaces thumbnails (public repository rathull/CTFs, f35c219, data/images)",
            licence="none stated",
        ),
    )

    sides: tuple[int, ...] = (128, 192)  # pixels
    odds: tuple[float, ...] = (0.8, 0.2)  # how often each

    def open(self, data: Path, cache: Path) -> None:
        self.sources = tuple(s for s in self.sources if not s.optional or (data / s.folder).is_dir())
        self.stores = [Store(s, data, cache) for s in self.sources]
        self.held = [Store(s, data, cache, held=True) for s in self.sources if s.hold_every]
        self.shares = np.cumsum([s.share for s in self.sources])
        self.nearest, self.soft = soft_table()
        self.weights = self._rebalancing()

    def build(self) -> nn.Module:
        net = LiteColour(**self.arguments)
        imagenet.begin(net.encoder)
        return net

    def groups(self, net: nn.Module) -> list[dict[str, Any]]:
        assert isinstance(net, LiteColour)
        return imagenet.groups(net, net.encoder, FROZEN)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        side = int(rng.choice(self.sides, p=self.odds))
        count = max(1, round(size * min(1.0, 128**2 / side**2 * 1.1)))
        grey = torch.empty(count, 1, side, side)
        colour = torch.empty(count, 3, side, side)
        for i in range(count):
            rgb = self._view(side, rng)
            colour[i] = torch.from_numpy(rgb.transpose(2, 0, 1).astype(np.float32) / 255)
            grey[i, 0] = torch.from_numpy(age(grey_of(rgb, rng), rng))
        lightness = rgb_to_lab(grey.expand(-1, 3, -1, -1))[0] / 100
        ab = F.avg_pool2d(rgb_to_lab(colour)[1], 4)
        return {"lightness": lightness, "ab": ab}

    def _view(self, side: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        """A square of a random picture, most or all of its height, at side × side."""
        from PIL import Image

        picture = self.stores[int(np.searchsorted(self.shares, rng.random() * self.shares[-1]))].pick(rng)
        h, w = picture.shape[:2]
        part = min(h, w) * rng.uniform(0.7, 1.0)
        wide, high = min(w, part * rng.uniform(0.85, 1.15)), min(h, part)
        x, y = rng.uniform(0, w - wide), rng.uniform(0, h - high)
        view = Image.fromarray(picture).resize(
            (side, side), Image.Resampling.BILINEAR, box=(x, y, x + wide, y + high)
        )
        rgb = np.asarray(view)
        return rgb[:, ::-1] if rng.random() < 0.5 else rgb

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(net, LiteColour)
        for part in imagenet.first(net.encoder, FROZEN):
            part.eval()
        lightness = batch["lightness"]
        # depthwise convolutions and their statistics are slower in bfloat16 on a CPU, not faster
        with torch.autocast(lightness.device.type, enabled=lightness.device.type == "cuda"):
            levels = net.encode(lightness)
        return self.colour_loss(net.decode(levels).float(), batch["ab"])

    def colour_loss(self, logits: Tensor, ab: Tensor) -> Tensor:
        """Soft cross-entropy over the bins, each pixel weighted by the rarity of its colour."""
        rows = logits.permute(0, 2, 3, 1)  # (N, h, w, 313): as it lies in memory
        cell = (
            (ab[:, 0].round().long() + 110).clamp(0, 220) * 221
            + (ab[:, 1].round().long() + 110).clamp(0, 220)
        ).cpu()
        index, share = self.nearest[cell].to(ab.device), self.soft[cell].to(ab.device)  # (N, h, w, 5)
        weight = self.weights[self.nearest[cell][..., 0]].to(ab.device)
        return ((rows.logsumexp(3) - (rows.gather(3, index) * share).sum(3)) * weight).mean()

    def validate(self, net: nn.Module) -> dict[str, float]:
        """At 160 px, of the mean over bins: ab error, as a share of grey's; shares of chroma and variety."""
        rows = []
        device = next(net.parameters()).device
        for store in self.held:
            for i in range(0, len(store), max(1, len(store) // 40)):
                lightness, ab = lab_view(store[i], 160)
                logits = net(lightness[None].to(device)).float().cpu()
                guess = mean_colour(logits, 1.0) if logits.shape[1] > 2 else logits[0] * 110
                truth = F.interpolate(ab[None], size=guess.shape[1:], mode="area")[0]
                rows.append([_rms(guess - truth), _rms(truth), *_spread(guess), *_spread(truth)])
        error, grey, chroma, variety, chroma0, variety0 = np.mean(rows, 0)
        return {
            "ab": error,
            "ab_share": error / grey,
            "chroma": chroma / chroma0,
            "variety": variety / variety0,
        }

    def calibrate(self, net: nn.Module) -> dict[str, float]:
        """Half of the rebalancing is taken back (a shift of the logits, laid into the last bias). Then the
        temperature and saturation with the least ab error on pictures held back, among those that keep
        CHROMA of their chroma and VARIETY of their variety.
        """
        bias = net.get_parameter("head.bias")
        with torch.no_grad():
            bias.sub_((1 - KEPT) * self.weights.log().to(bias.device))
        answers = list(self._answers(net))
        wanted = np.array((CHROMA, VARIETY)) * np.mean([_spread(truth) for _, truth in answers], 0)
        best = (float("inf"), 0.0, 0.0)
        for temperature in TEMPERATURES:
            guesses = [mean_colour(logits, temperature) for logits, _ in answers]
            saturation = float((wanted / np.mean([_spread(g) for g in guesses], 0)).max())
            errors = [_rms(g * saturation - truth) for g, (_, truth) in zip(guesses, answers, strict=True)]
            best = min(best, (float(np.mean(errors)), temperature, round(saturation, 2)))
        return {"temperature": best[1], "saturation": best[2]}

    def _answers(self, net: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits (2, 313, h, w), of the picture and of its mirror image turned back, and true ab (2, h, w).

        Of the pictures held back that are larger than thumbnails.
        """
        device = next(net.parameters()).device
        for store in self.held[1:]:
            for i in range(len(store)):
                lightness, ab = lab_view(store[i], LiteColour.side)
                both = torch.stack((lightness, lightness.flip(2))).to(device)
                with torch.inference_mode():
                    seen, mirrored = net(both).half().cpu()  # a gigabyte of them is kept
                logits = torch.stack((seen, mirrored.flip(2)))
                yield logits, F.interpolate(ab[None], size=logits.shape[2:], mode="area")[0]

    def _rebalancing(self) -> Tensor:
        """w over the bins: 1 / ((1 - λ) p + λ / Q) with Σ p w = 1; p from the sources, smoothed by σ = 5."""
        rng = np.random.default_rng(0)
        centres = bins()
        count = torch.zeros(len(centres))
        for _ in range(3000):
            rgb = torch.from_numpy(self._view(32, rng).transpose(2, 0, 1).astype(np.float32) / 255)
            ab = rgb_to_lab(rgb)[1].reshape(2, -1).T
            count += torch.bincount(torch.cdist(ab, centres).argmin(1), minlength=len(centres))
        near = torch.exp(-(torch.cdist(centres, centres) ** 2) / (2 * 5.0**2))
        p = (near / near.sum(1, keepdim=True)).T @ (count / count.sum())
        self.prior = p / p.sum()
        w = 1 / ((1 - REBALANCE) * self.prior + REBALANCE / len(p))
        return w / (self.prior * w).sum()


def soft_table() -> tuple[Tensor, Tensor]:
    """(48841, 5) each: the 5 bins nearest to every whole (a, b) of ±110; their Gaussian shares, σ = 5."""
    line = torch.arange(-110.0, 111.0)
    cells = torch.cartesian_prod(line, line)
    distance, index = torch.cdist(cells, bins()).topk(5, largest=False)
    return index, (-(distance**2) / (2 * 5.0**2)).softmax(1)


def lab_view(picture: np.ndarray[Any, Any], side: int) -> tuple[Tensor, Tensor]:
    """Lightness / 100 (1, H, W) and ab (2, H, W) of a picture reduced to about this shorter side."""
    rgb = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    h, w = rgb.shape[2:]
    size = [max(32, round(v * side / min(h, w) / 32) * 32) for v in (h, w)]
    rgb = F.interpolate(rgb, size=size, mode="bilinear", antialias=True).clamp(0, 1)
    lightness, ab = rgb_to_lab(rgb[0])
    return lightness / 100, ab


def mean_colour(logits: Tensor, temperature: float) -> Tensor:
    """Annealed mean over the bins, and over N answers for one picture: (N, 313, h, w) → ab (2, h, w)."""
    return torch.einsum("khw,kc->chw", (logits.float() / temperature).softmax(1).mean(0), bins())


def _rms(ab: Tensor) -> float:
    return ab.square().sum(0).mean().sqrt().item()


def _spread(ab: Tensor) -> tuple[float, float]:
    """Mean chroma, and the root of the summed variance."""
    return ab.norm(dim=0).mean().item(), ab.var((1, 2), correction=0).sum().sqrt().item()


RECIPE = Colorize()
