"""Cards, finding, saving and loading."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pixcli.errors import OutputError, WeightsError
from pixcli.infer.footprint import Footprint
from pixcli.models import Card, catalogue, find, load, save
from pixcli.models.card import read_card
from pixcli.models.fold import fold
from pixcli.nets import build

SMALL = {"scale": 3, "blocks": 1, "features": 8}


def edsr(folder: Path, **changes: object) -> Card:
    card = Card(
        "small",
        *("superres", "edsr", Path()),
        arguments=SMALL,
        footprint=Footprint(6, scale=3),
        scales=(3,),
        title='Quotes "and" a\nline, ü, \x7f',
        data=({"name": "ours", "licence": "CC0"}, {"name": "theirs"}),
        training={"minutes": 3.5, "recipe": {"rate": 1e-4, "steps": [1, 2]}},
        weaknesses=("a" * 80, "b"),
    )
    torch.manual_seed(0)
    return save(folder / "small.safetensors", build("edsr", SMALL), replace(card, **changes))  # type: ignore[arg-type]


def test_a_card_survives_its_toml(tmp_path: Path) -> None:
    card = edsr(tmp_path)
    assert read_card(tmp_path / "small.toml") == card
    assert card.parameters == sum(p.numel() for p in build("edsr", SMALL).parameters())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "no TOML"),
        ("task = 'superres'", "lacks 'network'"),
        ("task = 'superres'\nnetwork = 3", "'network' is 3"),
        ("task = 'superres'\nnetwork = 'edsr'\nreech = 3", "reech"),
        ("task = 'superres'\nnetwork = 'edsr'\n[footprint]\nreech = 3", "reech"),
    ],
)
def test_a_broken_card_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(text)
    with pytest.raises(WeightsError, match=words):
        read_card(tmp_path / "card.toml")


def test_what_was_saved_is_loaded_and_looks_the_same(tmp_path: Path) -> None:
    edsr(tmp_path)
    model = load(find(str(tmp_path / "small.safetensors"), "superres"))
    torch.manual_seed(0)
    net = build("edsr", SMALL)
    x = torch.rand(1, 3, 9, 7)
    with torch.inference_mode():
        assert (model.net(x) - net(x)).abs().max() < 2e-3  # float16 storage
    assert not model.net.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in model.net.parameters())
    assert sorted(f.name for f in tmp_path.iterdir()) == ["small.safetensors", "small.toml"]


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    first = edsr(tmp_path)
    assert edsr(tmp_path / "again").sha256 == first.sha256


def test_without_a_card_the_metadata_suffice(tmp_path: Path) -> None:
    card = edsr(tmp_path)
    (tmp_path / "small.toml").unlink()
    found = find(str(card.path), "superres")
    assert (found.network, found.arguments, found.scales) == ("edsr", SMALL, (3,))
    assert found.footprint == Footprint(6, scale=3)
    load(found)


def test_weights_that_are_not_the_cards_are_refused(tmp_path: Path) -> None:
    card = edsr(tmp_path)
    with pytest.raises(WeightsError, match="sha256"):
        load(replace(card, sha256="0" * 64))
    with pytest.raises(WeightsError, match="shape"):
        load(replace(card, arguments=SMALL | {"features": 16}))
    with pytest.raises(WeightsError, match="too large"):
        load(replace(card, arguments=SMALL | {"features": 10**9}))
    with pytest.raises(WeightsError, match="cannot be built"):
        load(replace(card, arguments={"depth": 3}))
    with pytest.raises(WeightsError, match="is for network 'edsr', not 'pan'"):
        load(replace(card, network="pan"))
    with pytest.raises(WeightsError, match="is for the task 'superres'"):
        find(str(card.path), "colorize")


def test_arguments_far_larger_than_the_file_cost_nothing(tmp_path: Path) -> None:
    card = edsr(tmp_path)
    with pytest.raises(WeightsError, match="more numbers"):  # 300 GB of weights
        load(replace(card, arguments={"scale": 4, "blocks": 500, "features": 4096}))


def test_a_tasks_own_models_go_by_what_follows_its_name() -> None:
    assert find("real", "superres").name == "superres-real"
    with pytest.raises(WeightsError):
        find("real", "denoise")
    with pytest.raises(WeightsError):
        find("real")


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(WeightsError, match="there is no model 'no-such'") as fault:
        find("no-such", "superres")
    for card in catalogue():
        assert (card.name in str(fault.value)) == (card.task == "superres")
    with pytest.raises(WeightsError, match="no such file"):
        find("folder/none.safetensors", "superres")


def test_numbers_that_float16_cannot_hold_are_not_saved(tmp_path: Path) -> None:
    net = build("edsr", SMALL)
    next(net.parameters()).data.fill_(1e5)
    with pytest.raises(WeightsError, match="not finite"):
        save(tmp_path / "x.safetensors", net, Card("x", "superres", "edsr", Path(), arguments=SMALL))
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        edsr(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "arguments", "folded"),
    [
        ("srresnet", {"blocks": 2, "scale": 2}, True),
        ("lite-colour", {"channels": 16}, True),
        ("zhang2016", {}, False),
    ],
)
def test_folding_batch_norm_changes_nothing_but_the_work(
    name: str, arguments: dict[str, object], folded: bool
) -> None:
    torch.manual_seed(0)
    net = build(name, arguments).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for t in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                assert t is not None
                t.uniform_(0.5, 1.5)
    x = torch.rand(1, 3 if name == "srresnet" else 1, 32, 32)
    with torch.inference_mode():
        before = net(x)
        after = fold(net)(x)
    assert (after - before).abs().max() <= 1e-4 * before.abs().max()
    assert folded != any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())


def test_every_shipped_weight_loads_and_its_card_is_true() -> None:
    for card in catalogue():
        model = load(card)
        assert model.card.parameters
        for key in ("reach", "multiple", "side"):
            said = getattr(model.net, key, getattr(card.footprint, key))
            assert getattr(card.footprint, key) == said, card.name


def test_importing_models_does_not_import_torch() -> None:
    code = "import sys, pixcli.models; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
