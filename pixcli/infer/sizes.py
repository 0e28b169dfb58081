"""Sizes: how much a network is given at once: by cache or free memory, less after a shortage."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pixcli.errors import DeviceError
from pixcli.infer import memory, tiles
from pixcli.infer.footprint import Footprint
from pixcli.infer.memory import Demand
from pixcli.infer.tiles import Box, Tile

_BATCHED = 128 * 128  # smaller tiles go together on a CPU too, up to so many pixels
_LARGEST = 4096


class Sizes:
    """tile: largest side that the user wants. value_bytes: of an activation's value, for the cache."""

    def __init__(
        self, footprint: Footprint, device: torch.device, value_bytes: int, tile: int | None
    ) -> None:
        self.footprint, self.device, self.value_bytes, self.tile = footprint, device, value_bytes, tile
        self.pixels = _BATCHED
        self._side = self._batch = 1 << 30  # the limits that shortages of memory have taught

    def plan(self, height: int, width: int, demand: Callable[[], Demand]) -> list[Tile]:
        """Tiles for a picture whose sides suit the footprint; demand: asked only when it matters."""
        whole, reach, multiple = Box(0, 0, height, width), self.footprint.reach, self.footprint.multiple
        if reach is None:
            return [Tile(whole, whole)]
        side = min(self.tile or _LARGEST, self._side)
        cpu = self.device.type == "cpu"
        if not cpu or (self.tile is None and height * width > _BATCHED):
            room = memory.pixels_at_once(demand(), self.device)
            side = min(side, int(room**0.5))
            if not cpu:
                self.pixels = room
            if self.tile is None:
                rate = memory.cpu_rate(demand(), self.value_bytes) if cpu else memory.card_rate
                side = tiles.best_side(height, width, reach, multiple, side, rate)
        return tiles.cut(whole, height, width, reach, multiple, max(side, tiles.smallest(reach, multiple)))

    def together(self, tile: Tile) -> int:
        """How many tiles of this shape, of one picture or several, may be in the network at once."""
        if self.footprint.reach is None:
            return self._batch
        high, wide = tile.padded.shape
        return max(1, min(self._batch, self.pixels // (high * wide)))

    def refit(self, tile: Tile, height: int, width: int) -> list[Tile]:
        """This tile, or the smaller ones that take its place since memory ran out."""
        reach = self.footprint.reach
        if reach is None or max(tile.padded.shape) <= self._side:
            return [tile]
        return tiles.cut(tile.core, height, width, reach, self.footprint.multiple, self._side)

    def shrink(self, tile: Tile, number: int) -> str:
        """Learn that `number` such tiles are too much. Says what changes; DeviceError when nothing can."""
        if number > 1:
            self._batch = number // 2
            return f"out of memory on {self.device}: {self._batch} at once from here on"
        reach, (high, wide) = self.footprint.reach, tile.padded.shape
        floor = max(high, wide) if reach is None else tiles.smallest(reach, self.footprint.multiple)
        if max(high, wide) <= floor:
            hint = "take a smaller model, or close other programs"
            if self.device.type != "cpu":
                hint += ", or run on the CPU"
            raise DeviceError(f"out of memory on {self.device} for {wide} x {high} pixels", hint)
        self._side = max(floor, max(high, wide) // 2)
        return f"out of memory on {self.device}: tiles of at most {self._side} pixels from here on"
