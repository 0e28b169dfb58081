"""One file a published design. A network is listed here by name and nowhere else.

Importing this costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

NETWORKS: dict[str, str] = {
    "subpixel": "pixcli.nets.subpixel:SubPixelResNet",
    "lite-colour": "pixcli.nets.lite_colour:LiteColour",
    "lite-depth": "pixcli.nets.lite_depth:LiteDepth",
    "lite-flow": "pixcli.nets.lite_flow:LiteFlow",
    "lite-segment": "pixcli.nets.lite_segment:LiteSegment",
    "lite-panoptic": "pixcli.nets.lite_panoptic:LitePanoptic",
    "zhang2016": "pixcli.nets.zhang2016:Zhang2016",
    "restore-unet": "pixcli.nets.restore_unet:RestoreUNet",
    "damage-unet": "pixcli.nets.damage_unet:DamageUNet",
    "illumination-unet": "pixcli.nets.illumination_unet:IlluminationUNet",
    "srcnn": "pixcli.nets.srcnn:SRCNN",
    "vdsr": "pixcli.nets.vdsr:VDSR",
    "edsr": "pixcli.nets.edsr:EDSR",
    "srresnet": "pixcli.nets.srresnet:SRResNet",
    "pan": "pixcli.nets.pan:PAN",
    "dncnn": "pixcli.nets.dncnn:DnCNN",
    "ircnn": "pixcli.nets.dncnn:IRCNN",
    "ffdnet": "pixcli.nets.ffdnet:FFDNet",
    "prenet": "pixcli.nets.prenet:PReNet",
    "zero-dce": "pixcli.nets.zero_dce:ZeroDCE",
    "zero-dce-pp": "pixcli.nets.zero_dce:ZeroDCEPP",
    "sci": "pixcli.nets.sci:SCI",
    "ruas": "pixcli.nets.ruas:RUAS",
    "burger": "pixcli.nets.burger:BurgerMLP",
    "ssda": "pixcli.nets.ssda:SSDA",
    "koehler": "pixcli.nets.koehler:KoehlerMLP",
    "eigen2013": "pixcli.nets.eigen2013:Eigen2013",
    "schuler": "pixcli.nets.schuler:Schuler",
    "nah2017": "pixcli.nets.nah2017:Nah2017",
    "srn": "pixcli.nets.srn:SRN",
    "deblurgan-v2": "pixcli.nets.deblurgan_v2:DeblurGANv2",
    "partial-unet": "pixcli.nets.partial_unet:PartialUNet",
    "fill-vae": "pixcli.nets.fill_vae:FillVAE",
    "see-in-the-dark": "pixcli.nets.see_in_the_dark:SeeInTheDark",
    "hdrnet": "pixcli.nets.hdrnet:HDRNet",
    "fcn": "pixcli.nets.fcn:FCN",
    "segnet": "pixcli.nets.segnet:SegNet",
    "unet": "pixcli.nets.unet:UNet",
    "dilation": "pixcli.nets.dilation:Dilation",
    "deeplab-v1": "pixcli.nets.deeplab_v1:DeepLabV1",
    "espnet": "pixcli.nets.espnet:ESPNet",
    "eigen2014": "pixcli.nets.eigen2014:Eigen2014",
    "eigen2015": "pixcli.nets.eigen2015:EigenFergus",
    "unet-depth": "pixcli.nets.unet_depth:UNetDepth",
    "densedepth": "pixcli.nets.dense_depth:DenseDepth",
    "monodepth": "pixcli.nets.monodepth:MonoDepth",
    "flownet-simple": "pixcli.nets.flownet:FlowNetSimple",
    "flownet-corr": "pixcli.nets.flownet:FlowNetCorr",
    "pwc-net": "pixcli.nets.pwc_net:PWCNet",
    "spynet": "pixcli.nets.spynet:SPyNet",
    "deeplab-v3-plus": "pixcli.nets.deeplab_v3_plus:DeepLabV3Plus",
    "deconvnet": "pixcli.nets.deconvnet:DeconvNet",
    "hed": "pixcli.nets.hed:HED",
    "hypercolumns": "pixcli.nets.hypercolumns:Hypercolumns",
    "zoom-out": "pixcli.nets.zoom_out:ZoomOut",
    "sharpmask": "pixcli.nets.sharpmask:SharpMask",
    "crf-rnn": "pixcli.nets.crf:CRFRNN",
    "panoptic-fpn": "pixcli.nets.panoptic_fpn:PanopticFPN",
    "torchvision-segment": "pixcli.nets.torchvision_nets:TorchvisionSegment",
    "torchvision-mask-rcnn": "pixcli.nets.torchvision_nets:TorchvisionMaskRCNN",
    "torchvision-raft": "pixcli.nets.torchvision_nets:TorchvisionRAFT",
}


def build(name: str, arguments: dict[str, Any] | None = None) -> nn.Module:
    """A freshly initialised network. Raises KeyError for an unknown name, TypeError for wrong arguments."""
    module, cls = NETWORKS[name].split(":")
    network: nn.Module = getattr(import_module(module), cls)(**(arguments or {}))
    return network
