"""Write what is generated: the tables of README.md from the cards, a page for each command from its help.

python docs/generate.py          write
python docs/generate.py --check  exit 1 when something is out of date
"""

import sys
from pathlib import Path

from pages import FOLDER, pages

from pixcli.models import Card, catalogue
from pixcli.tasks import TASKS

README = Path(__file__).parent.parent / "README.md"
# what a row of a card's measures is called in the table; all others stay in the card
SHOWN = {
    "psnr": "{:.2f} dB",
    "hole_psnr": "in the hole {:.2f} dB",
    "recall": "recall {:.2f}",
    "precision": "precision {:.2f}",
    "ab_rmse": "ab error {:.1f}",
    "pq": "PQ {:.1%}",
    "epe_geometric": "geometric mean {:.2f} pixels off",
    "epe": "mean {:.2f} pixels off",
    "mean_iou": "mean IoU {:.1%}",
    "delta1": "within a quarter {:.1%}",
    "abs_rel": "off by {:.1%}",
    "rmse": "{:.2f} m",
    "mean": "{:.1f}°",
    "under_30": "within 30° {:.1%}",
}


def tasks() -> str:
    lines = ["| task | what it does | options of its own |", "|---|---|---|"]
    for name, task in TASKS.items():
        options = ", ".join(f"`--{o.replace('_', '-')}`" for o in task.options())
        lines.append(f"| `{name}` | {task.title()} | {options} |")
    return "\n".join(lines)


def models() -> str:
    lines = ["| model | task | parameters | file | measured |", "|---|---|---|---|---|"]
    for card in catalogue():
        size = card.path.stat().st_size / 1e6
        name = f"`{card.name}`" + (" (default)" if card.name == TASKS[card.task].default else "")
        cells = (f"{name}: {card.title}", card.task, f"{card.parameters / 1e6:.2f} M", f"{size:.1f} MB")
        lines.append(f"| {' | '.join(cells)} | {measured(card)} |")
    return "\n".join(lines)


def measured(card: Card) -> str:
    """The chief figures in one cell: "set5 x2 37.9 dB, x3 …"."""
    cells = []
    for row in card.measures:
        if row["measure"] in SHOWN:
            protocol, *more = str(row["protocol"]).split(", ")
            what = (
                ""
                if card.task in ("colorize", "depth", "normals", "panoptic", "flow")
                else " ".join([protocol + " grey" * ("GRAY" in more), *(w for w in more if w[:2] == "--")])
            )
            figure = SHOWN[row["measure"]].format(row["value"])
            cells.append(" ".join(filter(None, (row["set"], what, figure))))
    return ", ".join(cells) or "see card"


def replaced(text: str) -> str:
    """The text with each block between `<!-- name -->` and `<!-- /name -->` made anew."""
    for name, block in (("tasks", tasks()), ("models", models())):
        head, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- /{name} -->")
        if not (mark and end):
            sys.exit(f"README.md has no block {name}")
        text = f"{head}{mark}{block}\n{end}{tail}"
    return text


def main() -> None:
    made = pages() | {README: replaced(README.read_text(encoding="utf-8"))}
    gone = set(FOLDER.glob("*.md")) - made.keys()
    if "--check" in sys.argv[1:]:
        old = [p for p, text in made.items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
        names = ", ".join(sorted(p.name for p in {*old, *gone}))
        sys.exit(f"out of date: {names}; run python docs/generate.py" if names else 0)
    FOLDER.mkdir(exist_ok=True)
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    for path in gone:
        path.unlink()


if __name__ == "__main__":
    main()
