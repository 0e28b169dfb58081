"""The photographs that enlargement and restoration learn from."""

from __future__ import annotations

from pixcli.train.store import Source

# reduced copies are sharper and freer of coding noise than the originals
SHARP = (
    Source(
        "data/photos_hires",
        0.55,
        reductions=(0.8, 0.6, 0.4),
        hold_every=16,
        title="wallpapers and DIV2K validation pictures",
        licence="CC0, CC BY, CC BY-SA, GPL, Unsplash; DIV2K for academic research",
    ),
    Source(
        "data/photos_bsds400",
        0.25,
        reductions=(1.0, 0.7),
        hold_every=40,
        title="BSDS500, train and test",
        licence="non-commercial research and education",
    ),
    Source("data/photos_t91", 0.10, title="T91 (Yang et al.)", licence="research"),
    Source(
        "data/photos_imagenet1000",
        0.10,
        reductions=(0.75,),
        hold_every=100,
        title="one picture of each ImageNet class",
        licence="ImageNet terms (non-commercial research)",
    ),
)
