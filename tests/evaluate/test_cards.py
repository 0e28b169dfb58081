"""The figures in the cards are those that their commands print, on any machine: they are of fp32.

Usually one command of a card is run, and all of them with -m slow.
"""

from __future__ import annotations

import json
import os
import shlex

import pytest

from pixcli.models import catalogue

# which kernel is found hangs on the last digits, and they on the processor; and the search is long
BY_HAND = {"deblur"}
WITHIN = {"psnr": 0.05, "ssim": 0.002, "ab_rmse": 0.1, "mean_iou": 0.005, "delta1": 0.005, "under_30": 0.005}


def commands():
    for card in catalogue():
        for number, command in enumerate(dict.fromkeys(row["command"] for row in card.measures)):
            usual = number == 0 and card.name not in BY_HAND
            yield pytest.param(card.name, command, marks=() if usual else pytest.mark.slow)


@pytest.mark.skipif("PIXCLI_DATA" not in os.environ, reason="PIXCLI_DATA names no folder with test sets")
@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_a_card_says_what_its_command_measures(name, command, pixcli):
    card = next(c for c in catalogue() if c.name == name)
    stated = {row["measure"]: row["value"] for row in card.measures if row["command"] == command}
    ran = pixcli(*shlex.split(command)[1:], "--json", within=900, PIXCLI_DATA=os.environ["PIXCLI_DATA"])
    assert ran.returncode == 0, ran.stderr
    mean = json.loads(ran.stdout)["mean"]
    for measure, within in WITHIN.items():
        if measure in stated:
            assert mean[measure] == pytest.approx(stated[measure], abs=within), measure
