"""superres against the published PAN: decibels of both on Set5 and Set14 and the time of both, in one run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from timing import TINY, as_picture, by_turns, default, photograph, ready, tell

from pixcli.engine import Settings
from pixcli.evaluate import evaluate
from pixcli.models import find

pytestmark = pytest.mark.bench
DATA = os.environ.get("PIXCLI_DATA")


@pytest.mark.skipif(not DATA, reason="PIXCLI_DATA names no folder with test sets and published weights")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_superres_against_pan(scale: int, device: str) -> None:
    ours = default("superres")
    if ours is None:
        pytest.skip("no weights are shipped for superres")
    file = Path(str(DATA)) / "checkpoints" / "superres-pan" / f"PANx{scale}_DF2K.pth"
    if not file.exists():
        pytest.skip(f"no {file.name} below PIXCLI_DATA")
    pan = find(str(file), "superres")
    side = 32 if TINY else 256
    picture = [as_picture(photograph(side, side, 1))]
    nets = {"ours": ready(ours, device, scale=scale), "pan": ready(pan, device, scale=scale)}
    best = by_turns({k: v.infer(picture) for k, v in nets.items()})
    for dataset in ["set5"] if TINY else ["set5", "set14"]:
        table = {
            k: evaluate("superres", dataset, model=m, scale=scale, settings=Settings(device=device))
            for k, m in (("ours", ours.name), ("pan", str(file)))
        }
        tell(
            "superres against PAN",
            scale=scale,
            device=device,
            set=dataset,
            ours_db=table["ours"].mean["psnr"],
            pan_db=table["pan"].mean["psnr"],
            bicubic_db=table["ours"].mean["bicubic_psnr"],
            ours_s=best["ours"],
            pan_s=best["pan"],
            pan_to_ours=best["pan"] / best["ours"],
            precisions=f"{nets['ours'].precision}/{nets['pan'].precision}",
            picture=f"{side} x {side}",
            parameters=f"{ours.parameters}/{pan.parameters}",
        )
