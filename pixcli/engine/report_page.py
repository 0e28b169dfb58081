"""The text of a report: what was seen of a run, in the page that lies beside this file as report.html."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from pixcli.engine.events import Event, Item, Summary
from pixcli.engine.words import duration
from pixcli.plan.job import shown

if TYPE_CHECKING:
    from pixcli.engine.thumbnails import Pair

TEMPLATE = Path(__file__).with_name("report.html")


@dataclass
class Seen:
    """What the page tells. Everything in it is bounded, however long the run."""

    about: Mapping[str, str]
    start: Event = field(default_factory=lambda: Event("start"))
    began: float = field(default_factory=time.time)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Item] = field(default_factory=list)
    losses: list[Item] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, int, Item]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pixels: int = 0
    pairs: dict[int, tuple[Item, Pair]] = field(default_factory=dict)
    stride: int = 1
    summary: Summary | None = None
    ended: str = ""


def page(seen: Seen) -> str:
    """The whole page. Names and messages are escaped: they may carry anything."""
    state, words = _state(seen)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=_text(f"pixcli {seen.start.task}".strip()),
        task=_text(seen.start.task or "run"),
        state=state,
        words=_text(words),
        when=_text(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seen.began))),
        figures=_figures(seen),
        sections="\n".join(filter(None, (_failures(seen), _comparisons(seen), _rest(seen), _run(seen)))),
    )


def _text(value: object) -> str:
    return escape(shown(str(value)))


def _state(seen: Seen) -> tuple[str, str]:
    s = seen.summary
    if s is None:
        now = time.strftime("%H:%M:%S")
        return ("bad", seen.ended) if seen.ended else ("busy", f"still running when written, at {now}")
    if s.ended:
        return "bad", f"stopped: {s.ended}"
    if s.failed:
        return "bad", f"{s.failed} failed"
    return "good", "everything is done" if s.done else "nothing was to be done"


def _figures(seen: Seen) -> str:
    s = seen.summary
    counts = seen.counts
    seconds = s.seconds if s else time.time() - seen.began
    total = s.total if s else seen.start.total
    cells = [
        (f"{counts['done']:,}", "done", ""),
        (f"{counts['skipped']:,}", "skipped", ""),
        (f"{counts['failed']:,}", "failed", "bad" if counts["failed"] else ""),
        (f"{total - sum(counts.values()):,}", "left", ""),
        (duration(seconds), "time", ""),
    ]
    if seen.pixels and seconds > 0:
        cells.append((f"{seen.pixels / seconds / 1e6:.2f}", "megapixels/s", ""))
    if s and s.peak_memory:
        cells.append((f"{s.peak_memory / 1e9:.1f} GB", "peak memory", ""))
    if s and s.flicker is not None:
        cells.append((f"{s.flicker:.2g}", f"flicker, {_text(s.flicker_unit)}", ""))
    return "".join(f'<div class="figure {c}"><b>{v}</b><span>{n}</span></div>' for v, n, c in cells)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=table><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _section(name: str, title: str, body: str, note: str = "") -> str:
    note = f"<p class=note>{_text(note)}</p>" if note else ""
    return f'<section id="{name}"><h2>{_text(title)}</h2>{note}{body}</section>'


def _failures(seen: Seen) -> str:
    if not seen.failures:
        return ""
    count = seen.counts["failed"]
    more = f"The first {len(seen.failures)} of {count}." if count > len(seen.failures) else ""
    rows = ((f"<code>{_text(i.input)}</code>", _text(i.text)) for i in seen.failures)
    return _section("failed", f"{count:,} failed", _table(("file", "what is wrong"), rows), more)


def _comparisons(seen: Seen) -> str:
    if not seen.pairs:
        return ""
    done = seen.counts["done"]
    few = f"{len(seen.pairs)} of {done:,} files, spread over the run." if len(seen.pairs) < done else ""
    cards = "".join(_card(item, made) for _, (item, made) in sorted(seen.pairs.items()))
    keys = (
        "<div class=bar><button type=button id=view aria-pressed=false>Show details at full size</button>"
        "<span class=note>Drag, or focus one and use the arrow keys.</span></div>"
    )
    return _section("pictures", "Before and after", f"{keys}<div class=cards>{cards}</div>", few)


def _card(item: Item, made: Pair) -> str:
    name = _text(Path(item.input).name)
    width, height = made.size
    lost = f"<span class=lost>lost: {_text(', '.join(item.lost))}</span>" if item.lost else ""
    whole = _slider(made.before, made.after, name)
    detail = ""
    if made.detail_after:
        detail = f"<div class=detail hidden>{_slider(made.detail_before, made.detail_after, name)}</div>"
    return (
        f"<figure><div class=whole>{whole}</div>{detail}<figcaption>"
        f'<b title="{_text(item.input)}">{name}</b>'
        f"<span>{width} × {height} · {duration(item.seconds)}</span>{lost}</figcaption></figure>"
    )


def _slider(before: str, after: str, name: str) -> str:
    new = f'<img class=new src="{after}" alt="{name} after" decoding=async>'
    if not before:
        return f"<div class=pair>{new}</div>"
    old = f'<img class=old src="{before}" alt="{name} before" decoding=async>'
    grip = f'<i></i><input type=range min=0 max=100 value=50 step=1 aria-label="{name}: share as it was">'
    return f"<div class=pair>{new}{old}<em class=l>before</em><em class=r>after</em>{grip}</div>"


def _rest(seen: Seen) -> str:
    parts = []
    if seen.losses:
        words = ", ".join(f"{what} in {n:,}" for what, n in seen.lost.most_common())
        rows = ((f"<code>{_text(i.input)}</code>", _text(", ".join(i.lost))) for i in seen.losses)
        body = f"<details><summary>The files</summary>{_table(('file', 'lost'), rows)}</details>"
        parts.append(_section("lost", "What could not be kept", body, words))
    if seen.skipped:
        rows = ((_text(why or "up to date"), f"{n:,}") for why, n in seen.skipped.most_common())
        parts.append(
            _section("skipped", f"{seen.counts['skipped']:,} skipped", _table(("why", "files"), rows))
        )
    if len(seen.slowest) > 1:
        slow = (item for _, _, item in sorted(seen.slowest, key=lambda s: s[:2], reverse=True))
        table = _table(
            ("file", "work", "megapixels"),
            ((f"<code>{_text(i.input)}</code>", duration(i.seconds), f"{i.pixels / 1e6:.2f}") for i in slow),
        )
        parts.append(_section("slow", "What took longest", table))
    return "\n".join(parts)


def _run(seen: Seen) -> str:
    rows = {"model": seen.start.model, "device": seen.start.device, **seen.about}
    if seen.summary is not None:
        rows["exit code"] = str(seen.summary.exit_code)
    items = "".join(f"<dt>{_text(k)}</dt><dd><code>{_text(v)}</code></dd>" for k, v in rows.items() if v)
    notes = "".join(f"<li>{_text(n)}</li>" for n in seen.notes)
    return _section("run", "The run", f"<dl>{items}</dl>" + (f"<ul>{notes}</ul>" if notes else ""))
