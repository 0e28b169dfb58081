"""One picture of many: inputs beside outputs, to look at what a run has done.

    python examples/contact_sheet.py sheet.png old_photos/ out/ [more folders] [--side 256]

Each row shows the pictures of one name (without its ending) in each folder, in the order of the folders.
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"}


def by_stem(folder: Path) -> dict[str, Path]:
    return {p.stem: p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES}


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--across", type=int, default=2, help="rows of pictures beside each other")
    args = parser.parse_args()

    columns = [by_stem(f) for f in args.folders]
    names = [n for n in columns[0] if all(n in c for c in columns)]
    side, across = args.side, args.across
    width, height = side * len(columns) * across, (side + 14) * -(-len(names) // across)
    sheet = Image.new("RGB", (width, height), "white")
    for i, name in enumerate(names):
        left, top = i % across * side * len(columns), i // across * (side + 14)
        ImageDraw.Draw(sheet).text((left + 2, top + side + 1), name, fill="black")
        for k, column in enumerate(columns):
            with Image.open(column[name]) as picture:
                shown = ImageOps.contain(picture.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
            sheet.paste(shown, (left + k * side, top))
    sheet.save(args.sheet)


if __name__ == "__main__":
    main()
