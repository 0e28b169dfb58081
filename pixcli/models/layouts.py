"""How the files of published weights are laid out: data for convert.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixcli.models.label_names import UNUSED


@dataclass(frozen=True)
class Layout:
    """One way that published files are laid out.

    mark: a key that is in them. variants: arguments of the network, one of which must fit exactly. drop: a
    pattern of keys that are of no use. rename: (pattern, replacement) of keys that are not our own names; the
    first that fits the whole key holds. stem: a pattern that the file's name must contain, where one layout
    serves two networks. tensorflow: kernels are (height, width, in, out). depth_to_space: our name of a layer
    before TensorFlow's depth_to_space, whose channels are in the order (row, column, colour). labels: a
    key of LABELS, the argument's where it says {argument}.
    """

    title: str
    task: str
    network: str
    mark: str
    variants: tuple[dict[str, Any], ...] = ({},)
    drop: str = r"(?!)"
    rename: tuple[tuple[str, str], ...] = ()
    stem: str = ""
    tensorflow: bool = False
    depth_to_space: str = ""
    licence: str = ""
    labels: str = ""


OPTIMISER = r".*/Adam(_1)?$|beta\d_power$"  # what Adam keeps of each tensor
# layers of MobileNet-v2's blocks: the number in DeblurGAN-v2's, the name in torchvision's
FIRST_BLOCK = {"0": "0.0", "1": "0.1", "3": "1", "4": "2"}
BLOCK = {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}
# Panoptic FPN's names in detectron2
DETECTRON2 = (
    *(
        (rf"backbone\.bottom_up\.{theirs}", rf"backbone.body.{ours}")
        for n in range(1, 5)
        for theirs, ours in (
            (r"stem\.conv1\.weight", "conv1.weight"),
            (r"stem\.conv1\.norm\.(\w+)", r"bn1.\1"),
            (rf"res{n + 1}\.(\d+)\.conv(\d)\.weight", rf"layer{n}.\1.conv\2.weight"),
            (rf"res{n + 1}\.(\d+)\.conv(\d)\.norm\.(\w+)", rf"layer{n}.\1.bn\2.\3"),
            (rf"res{n + 1}\.(\d+)\.shortcut\.weight", rf"layer{n}.\1.downsample.0.weight"),
            (rf"res{n + 1}\.(\d+)\.shortcut\.norm\.(\w+)", rf"layer{n}.\1.downsample.1.\2"),
        )
    ),
    *(
        (rf"{theirs}\.(weight|bias)", rf"{ours}.\1")
        for theirs, ours in (
            *((rf"backbone\.fpn_lateral{n}", f"backbone.fpn.inner_blocks.{n - 2}.0") for n in range(2, 6)),
            *((rf"backbone\.fpn_output{n}", f"backbone.fpn.layer_blocks.{n - 2}.0") for n in range(2, 6)),
            (r"proposal_generator\.rpn_head\.conv", "rpn.head.conv.0.0"),
            (r"proposal_generator\.rpn_head\.objectness_logits", "rpn.head.cls_logits"),
            (r"proposal_generator\.rpn_head\.anchor_deltas", "rpn.head.bbox_pred"),
            *((rf"roi_heads\.box_head\.fc{n}", f"roi_heads.box_head.fc{n + 5}") for n in (1, 2)),
            *((rf"roi_heads\.mask_head\.mask_fcn{n}", f"roi_heads.mask_head.{n - 1}.0") for n in range(1, 5)),
            (r"roi_heads\.mask_head\.deconv", "roi_heads.mask_predictor.conv5_mask"),
            (r"roi_heads\.mask_head\.predictor", "roi_heads.mask_predictor.mask_fcn_logits"),
            *(
                (rf"sem_seg_head\.p{n}\.{2 * i}{norm}", f"semantic.levels.{n - 2}.{4 * i + bool(norm)}")
                for n in range(2, 6)
                for i in range(3)
                for norm in ("", r"\.norm")
            ),
            (r"sem_seg_head\.predictor", "semantic.predictor"),
        )
    ),
)

LAYOUTS = (
    Layout(
        "PAN (Zhao et al. 2020)",
        *("superres", "pan", "SCPA_trunk.0.conv1_a.weight"),
        variants=tuple({"scale": s} for s in (2, 3, 4)),
        licence="none stated",
    ),
    Layout(
        "EDSR (Lim et al. 2017)",
        *("superres", "edsr", "body.0.body.0.weight"),
        variants=tuple(
            {"scale": s, "blocks": b, "features": f, "residual": r}
            for b, f, r in ((16, 64, 1.0), (32, 256, 0.1))
            for s in (2, 3, 4)
        ),
        drop=r"(sub|add)_mean\.",  # fixed values, which EDSR itself knows
        licence="MIT",
    ),
    Layout(
        "SRCNN (Dong et al. 2014)",
        *("superres", "srcnn", "conv3.bias"),
        variants=tuple({"scale": s, "kernels": [9, k, 5]} for k in (1, 3, 5) for s in (2, 3, 4)),
    ),
    Layout(
        "Colorful Image Colorization (Zhang et al. 2016)",
        *("colorize", "zhang2016", "model8.6.weight"),
        drop=r"model_out\.|.*\.num_batches_tracked$",  # model_out holds the bins' centres
        licence="BSD-2-Clause",
    ),
    Layout(
        "DnCNN (Zhang et al. 2017)",
        *("denoise", "dncnn", "model.0.weight"),
        variants=tuple(
            {"channels": c, "depth": d, "norm": norm, "bias": bias}
            for norm, bias in ((False, True), (True, True), (True, False))
            for c in (1, 3)
            for d in (17, 20)
        ),
        drop=r".*\.num_batches_tracked$",
        licence="MIT",
    ),
    Layout(
        "FFDNet (Zhang et al. 2018)",
        *("denoise", "ffdnet", "model.0.weight"),
        variants=({"channels": 1}, {"channels": 3}),
        licence="none stated with FFDNet's own code; MIT in KAIR",
    ),
    Layout(
        "IRCNN (Zhang et al. 2017)",
        *("denoise", "ircnn", "model.0.weight"),
        variants=({"channels": 1}, {"channels": 3}),
        licence="MIT",
    ),
    Layout(
        "PReNet (Ren et al. 2019)",
        *("derain", "prenet", "res_conv1.0.weight"),
        variants=tuple(
            {"shared": shared, "lstm": lstm} for shared in (False, True) for lstm in (True, False)
        ),
        licence="none stated",
    ),
    Layout(
        "Zero-DCE (Guo et al. 2020)",
        *("enhance-dark", "zero-dce", "e_conv1.weight"),
        licence="non-commercial use only",
    ),
    Layout(
        "Zero-DCE++ (Li et al. 2021)",
        *("enhance-dark", "zero-dce-pp", "e_conv1.depth_conv.weight"),
        licence="CC BY-NC 4.0, academic research only",
    ),
    Layout(
        "SCI (Ma et al. 2022)",
        *("enhance-dark", "sci", "enhance.in_conv.0.weight"),
        # what serves training alone, and the block under its second name
        drop=r"calibrate\.|enhance\.blocks\.|.*\.num_batches_tracked$",
        licence="MIT",
    ),
    Layout(
        "RUAS (Liu et al. 2021), with its denoising",
        *("enhance-dark", "ruas", "denoise_net.stem.weight"),
        stem="lol",
        licence="none stated",
    ),
    Layout(
        "RUAS (Liu et al. 2021), brightening alone",
        *("enhance-dark", "ruas", "denoise_net.stem.weight"),
        variants=({"denoise": False},),
        drop=r"denoise_net\.",
        licence="none stated",
    ),
    Layout(
        "See-in-the-Dark (Chen et al. 2018)",
        *("enhance-dark", "see-in-the-dark", "g_conv10/weights"),
        variants=tuple({"sensor": s} for s in ("bayer", "xtrans", "rgb")),
        drop=OPTIMISER,
        rename=(
            *((rf"Variable{f'_{i}' if i else ''}", f"up{i + 6}.weight") for i in range(4)),
            (r"g_(\w+)/weights", r"\1.weight"),
            (r"g_(\w+)/biases", r"\1.bias"),
        ),
        tensorflow=True,
        depth_to_space="conv10",
        licence="MIT",
    ),
    Layout(
        "SRN (Tao et al. 2018)",
        *("deblur", "srn", "g_net/dec1_0/weights"),
        variants=tuple({"channels": c, "lstm": lstm} for c in (3, 1) for lstm in (False, True)),
        drop=OPTIMISER,
        rename=(
            (r"g_net/(\w+)/weights", r"\1.weight"),
            (r"g_net/(\w+)/biases", r"\1.bias"),
            (r"g_net/(\w+)/(\w+)/weights", r"\1.\2.weight"),
            (r"g_net/(\w+)/(\w+)/biases", r"\1.\2.bias"),
        ),
        tensorflow=True,
        licence="none stated",
    ),
    Layout(
        "SPyNet (Ranjan & Black 2017)",
        *("flow", "spynet", "basic.0.0.weight"),
        variants=tuple({"levels": n} for n in (6, 5, 4)),
        licence="non-commercial and scientific research only",
    ),
    Layout(
        "FlowNetCorr (Dosovitskiy et al. 2015)",
        *("flow", "flownet-corr", "conv_redir.0.weight"),
        variants=({"bias": False}, {"bias": True}),
        licence="none stated",
    ),
    Layout(
        "FlowNetSimple (Dosovitskiy et al. 2015)",
        *("flow", "flownet-simple", "predict_flow6.weight"),
        variants=({"bias": False}, {"bias": True}),
        licence="none stated",
    ),
    Layout(
        "DeepDeblur (Nah et al. 2017)",
        *("deblur", "nah2017", "body_models.0.body.0.weight"),
        licence="MIT",
    ),
    Layout(
        "DeblurGAN-v2 (Kupyn et al. 2019), MobileNet",
        *("deblur", "deblurgan-v2", "fpn.lateral4.weight"),
        # the backbone's parts under their second names, those that never run, statistics that are not used
        drop=r"fpn\.enc|fpn\.features\.1[678]\.|.*\.(running_mean|running_var|num_batches_tracked)$",
        rename=(
            *((rf"(fpn\.features\.1\.conv)\.{a}\.(\w+)", rf"\1.{b}.\2") for a, b in FIRST_BLOCK.items()),
            *((rf"(fpn\.features\.\d+\.conv)\.{a}\.(\w+)", rf"\1.{b}.\2") for a, b in BLOCK.items()),
        ),
        licence="BSD-2-Clause",
    ),
    Layout(
        "ESPNet (Mehta et al. 2018)",
        *("segment", "espnet", "encoder.level2_0.c1.conv.weight"),
        variants=(
            {"classes": 20, "joined": False, "data": "cityscapes"},
            {"classes": 12, "joined": True, "data": "camvid"},
        ),
        drop=r".*\.num_batches_tracked$",
        licence="MIT",
        labels="{data}",
    ),
    Layout(
        "HED (Xie & Tu 2015), in Keras",
        *("edges", "hed", "dsn1/vars/0"),
        variants=({"caffe": False},),
        rename=tuple(
            (f"{theirs}/vars/{i}", f"{ours}.{kind}")
            for i, kind in enumerate(("weight", "bias"))
            for theirs, ours in (
                (r"block(\d)/layers/conv2d", r"trunk.conv\1_1"),
                (r"block(\d)/layers/conv2d_1", r"trunk.conv\1_2"),
                (r"block(\d)/layers/conv2d_2", r"trunk.conv\1_3"),
                (r"dsn(\d)", r"score_dsn\1"),
                ("fuse", "fuse"),
            )
        ),
        tensorflow=True,
        licence="MIT",
    ),
    *(
        Layout(
            f"torchvision's {title}",
            *("segment", "torchvision-segment", mark),
            variants=tuple({"name": name} for name in names),
            drop=r"aux_classifier\.|.*\.num_batches_tracked$",
            licence="BSD-3-Clause",
            labels="voc",
        )
        for title, mark, names in (
            ("FCN (Long et al. 2015)", "classifier.0.weight", ("fcn_resnet50", "fcn_resnet101")),
            (
                "DeepLabV3 (Chen et al. 2017)",
                "classifier.0.convs.0.0.weight",
                ("deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50", "deeplabv3_resnet101"),
            ),
            ("LR-ASPP (Howard et al. 2019)", "classifier.cbr.0.weight", ("lraspp_mobilenet_v3_large",)),
        )
    ),
    Layout(
        "torchvision's Mask R-CNN (He et al. 2017)",
        *("panoptic", "torchvision-mask-rcnn", "roi_heads.mask_predictor.mask_fcn_logits.weight"),
        variants=tuple({"name": f"maskrcnn_resnet50_fpn{v}", "unused": UNUSED} for v in ("", "_v2")),
        drop=r".*\.num_batches_tracked$",
        licence="BSD-3-Clause",
        labels="coco",
    ),
    Layout(
        "Panoptic FPN (Kirillov et al. 2019), of detectron2",
        *("panoptic", "panoptic-fpn", "sem_seg_head.predictor.weight"),
        variants=tuple(
            {"body": f"resnet{n}", "things": 81, "stuff": 54, "published": True} for n in (50, 101)
        ),
        drop=r"pixel_(mean|std)$|proposal_generator\.anchor_generator\.|.*\.num_batches_tracked$",
        rename=DETECTRON2,
        licence="Apache-2.0",
        labels="coco-panoptic",
    ),
    Layout(
        "torchvision's RAFT (Teed & Deng 2020)",
        *("flow", "torchvision-raft", "feature_encoder.convnormrelu.0.weight"),
        variants=({"name": "raft_large"}, {"name": "raft_small"}),
        drop=r".*\.num_batches_tracked$",
        rename=((r"(.+)", r"net.\1"),),
        licence="BSD-3-Clause",
    ),
)
