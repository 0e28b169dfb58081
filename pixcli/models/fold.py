"""Batch norm folded into the convolution before it: the same answers with less work."""

from __future__ import annotations

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def _is_norm(m: nn.Module) -> bool:
    """Torch's batch norm, or torchvision's frozen one, by its name: torchvision is not imported for that."""
    return isinstance(m, nn.BatchNorm2d) or type(m).__name__ == "FrozenBatchNorm2d"


class _Tracer(fx.Tracer):
    """Does not look into convolutions that subclass torch's, nor into frozen batch norm."""

    def is_leaf_module(self, m: nn.Module, qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d) or _is_norm(m) or super().is_leaf_module(m, qualified_name)


def fold(net: nn.Module) -> nn.Module:
    """Make each batch norm that directly follows a convolution the identity, in place; returns the network.

    Exact up to rounding, in eval mode. The pairs are found in the traced graph: both must be called once,
    and nobody else may look at the convolution's answer. A network that cannot be traced is left as it is.
    """
    modules = dict(net.named_modules())
    if not any(map(_is_norm, modules.values())):
        return net
    try:
        graph = _Tracer().trace(net)
    except (fx.proxy.TraceError, TypeError):  # control flow that depends on the input
        return net
    calls = [n.target for n in graph.nodes if n.op == "call_module"]
    for node in graph.nodes:
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        norm, conv = modules[str(node.target)], modules[str(before.target)]
        once = calls.count(node.target) == calls.count(before.target) == len(before.users) == 1
        if not once or not _is_norm(norm) or not isinstance(conv, nn.Conv2d):
            continue
        if norm.running_mean is None or norm.running_var is None:
            continue
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        parent, _, child = str(node.target).rpartition(".")
        setattr(modules[parent], child, nn.Identity())
    return net
