"""What a result depends on besides its input, and how that differs from an earlier one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Setting:
    """options: those that matter to the result. weights: their sha256; model: what people call them."""

    task: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    model: str = ""

    @cached_property
    def key(self) -> str:
        """A short hash of task, options and weights."""
        text = json.dumps([self.task, self.options_text, self.weights])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def options_text(self) -> str:
        """The options as JSON, ASCII only; what was not given is left out, so that a new option makes no
        old result stale.
        """
        given = {name: value for name, value in self.options.items() if value is not None}
        return json.dumps(given, sort_keys=True, default=str)

    def unlike(self, weights: str, options_text: str) -> str:
        """In words, how this differs from an earlier setting; "" for options_text: nobody knows which."""
        if not options_text:
            return "options or weights changed"
        old, new = json.loads(options_text), json.loads(self.options_text)
        changed = [
            f"--{name.replace('_', '-')} was {_shown(old.get(name))}, is {_shown(new.get(name))}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
        changed += ["the weights changed"] * (weights != self.weights)
        return "; ".join(changed) or "options or weights changed"


def _shown(value: Any) -> str:
    return "not given" if value is None else value if isinstance(value, str) else json.dumps(value)
