"""Measurements of speed: `python -m pytest -m bench tests/bench -s`. All figures are of one run."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA card")
    return str(request.param)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The rows of each measurement as one table."""
    import sys

    told = getattr(sys.modules.get("timing"), "TOLD", [])
    for bench in dict.fromkeys(row["bench"] for row in told):
        rows = [{k: str(v) for k, v in row.items() if k != "bench"} for row in told if row["bench"] == bench]
        names = list(dict.fromkeys(name for row in rows for name in row))
        width = {n: max(len(n), *(len(row.get(n, "")) for row in rows)) for n in names}
        terminalreporter.section(bench)
        for row in [dict(zip(names, names, strict=True)), *rows]:
            terminalreporter.write_line("  ".join(row.get(n, "").ljust(width[n]) for n in names).rstrip())
