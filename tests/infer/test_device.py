import subprocess
import sys

import pytest
import torch

from pixcli.errors import DeviceError
from pixcli.infer import device


@pytest.fixture
def two_cards(monkeypatch):
    monkeypatch.setattr(device, "present", lambda: {"cuda:0": "A", "cuda:1": "B", "cpu": "C"})
    monkeypatch.setattr(device, "_try", lambda name: None)


@pytest.fixture
def no_card(monkeypatch):
    monkeypatch.setattr(device, "present", lambda: {"cpu": "C, 2 threads"})


def test_auto_takes_the_card_and_says_why(two_cards):
    chosen = device.choose()
    assert (chosen.torch, chosen.name) == (torch.device("cuda:0"), "A")
    assert "fastest" in chosen.why


def test_auto_goes_on_to_what_works(two_cards, monkeypatch):
    def broken(name):
        if name != "cpu":
            raise RuntimeError("CUDA error: no kernel image\nmore lines")

    monkeypatch.setattr(device, "_try", broken)
    chosen = device.choose()
    assert chosen.torch.type == "cpu"
    assert chosen.why == (
        "cuda:0 does not work: CUDA error: no kernel image; cuda:1 does not work: CUDA error: no kernel image"
    )
    with pytest.raises(DeviceError, match="no kernel image"):
        device.choose("cuda:1")


def test_auto_without_a_card_is_the_cpu(no_card):
    chosen = device.choose("auto")
    assert (chosen.torch, chosen.why) == (torch.device("cpu"), "no card here")


@pytest.mark.parametrize(("spec", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_a_card_by_number(two_cards, spec, index):
    assert device.choose(spec).torch == torch.device("cuda", index)


@pytest.mark.parametrize("spec", ["cuda", "cuda:3", "mps"])
def test_what_is_not_there_is_told_with_what_is(no_card, spec):
    with pytest.raises(DeviceError, match=rf"there is no {spec}.*here: cpu"):
        device.choose(spec)


@pytest.mark.parametrize("spec", ["", "gpu", "cpu:1", "cuda:", "cuda:x", "cuda:-1", "cuda:all"])
def test_what_nobody_knows_is_told_with_the_choices(no_card, spec):
    with pytest.raises(DeviceError, match="auto, cpu, cuda"):
        device.choose(spec)


def test_this_machine_has_a_cpu():
    assert list(device.present())[-1] == "cpu"
    assert device.choose("cpu").why == "asked for"


def test_importing_device_and_precision_costs_no_torch():
    code = "import sys, pixcli.infer.device, pixcli.infer.precision; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
