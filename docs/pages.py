"""The pages of docs/commands/, one for each command, from what the program itself says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixcli.cli import manual
from pixcli.cli.app import commands
from pixcli.cli.config import NOT_OPTIONS, variables_of
from pixcli.tasks import LISTED

FOLDER = Path(__file__).parent / "commands"


def pages() -> dict[Path, str]:
    """Every page by its file."""
    made = {FOLDER / f"{name_of(words)}.md": page(words, command) for words, command in commands()}
    return made | {FOLDER / "README.md": index()}


def name_of(words: str) -> str:
    return words.replace(" ", "-") or "pixcli"


def index() -> str:
    rows = [
        f"| [`pixcli {words}`]({name_of(words)}.md) | {first_line(command.help)} |"
        for words, command in commands()
        if words
    ]
    return "\n".join(["# Commands", "", "| command | what it does |", "|---|---|", *rows, ""])


def first_line(help: str) -> str:
    return help.partition("\n")[0]


def page(words: str, command: Any) -> str:
    about, _, examples = command.help.replace("\b\n", "").partition("Examples:\n")
    lines = [f"# {f'pixcli {words}'.strip()}", "", about.strip(), ""]
    usage = " ".join(command.collect_usage_pieces(context(command)))
    lines += [f"    pixcli {words} {usage}".replace("  pixcli  ", "  pixcli "), ""]
    shown = [line for line in examples.splitlines() if line.startswith("  pixcli ")]
    lines += ["## Examples", "", *(f"  {line}" for line in shown), ""]
    if getattr(command, "listed", None):
        lines += ["## Commands", "", "| command | what it does |", "|---|---|"]
        for name, (_, title) in command.listed.items():
            lines.append(f"| [`{name}`]({name_of(f'{words} {name}'.strip())}.md) | {title} |")
        lines.append("")
    for title, rows in panels(command).items():
        lines += [f"## {title}", "", "| option | what it does |", "|---|---|"]
        lines += [f"| `{cell(name)}` | {cell(text)} |" for name, text in rows]
        lines.append("")
    lines += closing(words, command)
    return "\n".join(lines).rstrip() + "\n"


def context(command: Any) -> Any:
    return command.context_class(command)


def panels(command: Any) -> dict[str, list[tuple[str, str]]]:
    """Options and arguments by heading, as in --help."""
    from pixcli.cli.panels import parameters

    found: dict[str, list[tuple[str, str]]] = {}
    for title, row in parameters(command, context(command)):
        found.setdefault(title, []).append(row)
    return found


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def closing(words: str, command: Any) -> Iterator[str]:
    exits = getattr(command, "exits", ())
    if exits:
        yield from ("## Exit codes", "", "| code | meaning |", "|---|---|")
        yield from (f"| {code} | {manual.EXIT_CODES[code]} |" for code in exits)
        yield ""
    if getattr(command, "section", ""):
        names = [n for n in variables_of(command) if n not in NOT_OPTIONS]
        first = next(n for n in names if n.count("_") > 1)
        yield from ("## Settings", "")
        yield (
            f"Every option but those that are meant for one call can have a default in section"
            f" `[{command.section}]` of `pixcli.toml`, or in a variable such as `{first}`:"
            " see [settings](../settings.md)."
        )
        yield ""
    if words in LISTED:
        yield from ("See also: [leave it alone overnight](../batch.md), [events](../events.md).", "")
