import pytest
import torch

from pixcli.errors import UsageError
from pixcli.infer import precision
from pixcli.infer.precision import choose

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda:0"), torch.device("mps")


@pytest.mark.parametrize(("gain", "name"), [(1.9, "bf16"), (1.1, "fp32"), (0.01, "fp32")])
def test_on_a_cpu_the_probe_decides(monkeypatch, gain, name):
    monkeypatch.setattr(precision, "bf16_gain", lambda: gain)
    chosen = choose("auto", CPU, bf16_ok=True)
    assert chosen.name == name
    assert chosen.why


def test_the_card_of_the_model_comes_first(monkeypatch):
    monkeypatch.setattr(precision, "bf16_gain", lambda: pytest.fail("not to be probed"))
    assert choose("auto", CPU, bf16_ok=False).name == "fp32"
    assert choose("auto", CUDA, bf16_ok=False).name == "fp32"


@pytest.mark.parametrize(("native", "name"), [(True, "bf16"), (False, "fp16")])
def test_on_cuda_by_what_the_card_computes_in(monkeypatch, native, name):
    monkeypatch.setattr(precision, "_card_has_bf16", lambda device: native)
    assert choose("auto", CUDA, bf16_ok=True).name == name


def test_what_is_asked_for_is_taken_without_a_probe(monkeypatch):
    monkeypatch.setattr(precision, "bf16_gain", lambda: pytest.fail("not to be probed"))
    assert choose("bf16", CPU, bf16_ok=True).why == "asked for"
    assert "not measured" in choose("bf16", CPU, bf16_ok=False).why
    assert choose("fp16", MPS, bf16_ok=True).name == "fp16"


def test_fp16_never_on_a_cpu_and_unknown_names_are_refused():
    with pytest.raises(UsageError, match="fp16 on a CPU"):
        choose("fp16", CPU, bf16_ok=True)
    with pytest.raises(UsageError, match="auto, fp32, bf16, fp16"):
        choose("int8", CPU, bf16_ok=True)


def test_the_probe_is_made_once_and_leaves_the_threads_alone():
    threads = torch.get_num_threads()
    precision.bf16_gain.cache_clear()
    gain = precision.bf16_gain()
    assert gain > 0
    assert precision.bf16_gain() == gain
    assert precision.bf16_gain.cache_info().misses == 1
    assert torch.get_num_threads() == threads
