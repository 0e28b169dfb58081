"""An old photograph made good: filled, cleaned, coloured, enlarged; before and after beside each other.

    python examples/old_photo.py sheet.webp [PHOTOGRAPH] [--steps] [--no-auto] [--height 512]

Without a photograph, one of scikit-image's is aged and scratched first. --steps shows what each step has
made; --no-auto leaves the first away. The same for folders, from the command line:

    pixcli inpaint old/ -o 1/ --mask auto
    pixcli denoise 1/ -o 2/
    pixcli colorize 2/ -o 3/
    pixcli superres 3/ -o new/ --scale 2
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import pixcli

STEPS = {"inpaint": {"mask": "auto"}, "denoise": {}, "colorize": {}, "superres": {"scale": 2}}
GAP = 8  # white pixels between pictures
SEED = 3


def aged() -> Image.Image:
    """Eileen Collins, photographed by NASA (public domain), as if the print had lain in a drawer."""
    from skimage import data

    from pixcli.train.damage import KINDS, drawn, frayed

    rng = np.random.default_rng(SEED)
    photograph = Image.fromarray(data.astronaut()).convert("L").resize((384, 384), Image.Resampling.LANCZOS)
    grey = 0.13 + 0.72 * np.asarray(photograph, np.float32) / 255 + rng.normal(0, 0.025, (384, 384))
    scratches, hairs, dust, cracks, creases, *_ = (kind for kind, *_ in KINDS)
    for kind, light, whole in (
        (dust, 0.95, True),
        (scratches, 0.97, True),
        (cracks, 0.98, False),
        (creases, 0.96, False),
        (hairs, 0.05, True),
    ):
        cover = drawn(kind, 384, 384, rng)
        grey += (cover if whole else frayed(cover, rng)) * (light - grey)
    return Image.fromarray((grey * 255).round().clip(0, 255).astype(np.uint8))


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("photograph", type=Path, nargs="?")
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--no-auto", action="store_true")
    parser.add_argument("--height", type=int, default=512)
    args = parser.parse_args()

    if args.photograph:
        with Image.open(args.photograph) as file:
            photograph = file.convert(file.mode if file.mode in ("L", "RGB") else "RGB")
    else:
        photograph = aged()
    shown = [photograph]
    for task, options in STEPS.items():
        if task == "inpaint" and args.no_auto:
            continue
        print(f"{task} …")
        shown.append(pixcli.load(task, **options)(shown[-1]))
    if not args.steps:
        shown = [shown[0], shown[-1]]

    width = round(args.height * photograph.width / photograph.height)
    sheet = Image.new("RGB", ((width + GAP) * len(shown) - GAP, args.height), "white")
    for n, picture in enumerate(shown):
        small = picture.convert("RGB").resize((width, args.height), Image.Resampling.LANCZOS)
        sheet.paste(small, (n * (width + GAP), 0))
    sheet.save(args.sheet, **({"quality": 85} if args.sheet.suffix != ".png" else {}))


if __name__ == "__main__":
    main()
