"""Measuring: `evaluate("superres", "set5", scale=3)`, through files and the engine, as people run it."""

from __future__ import annotations

from pixcli.evaluate.datasets import SETS, DataSet, find
from pixcli.evaluate.run import Table, evaluate

__all__ = ["SETS", "DataSet", "Table", "evaluate", "find"]
