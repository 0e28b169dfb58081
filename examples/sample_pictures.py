"""Make pictures to try pixcli on, from the photographs inside scikit-image.

    python examples/sample_pictures.py [FOLDER]

writes FOLDER/old_photos/ (grey, a little faded and grainy) and FOLDER/photos/ (in colour, made small).
FOLDER is the current one by default.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name in ("old_photos", "photos"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    for name in PHOTOGRAPHS:
        photograph = Image.fromarray(getattr(data, name)())
        grey = np.asarray(ImageOps.grayscale(photograph), dtype=np.float64)
        old = 20 + 0.85 * grey + noise.normal(0, 4, grey.shape)
        faded = Image.fromarray(old.clip(0, 255).astype(np.uint8))
        faded.save(folder / "old_photos" / f"{name}.jpg", quality=92)
        small = photograph.reduce(3)
        small.save(folder / "photos" / f"{name}.png")
    print(f"{len(PHOTOGRAPHS)} pictures each in {folder / 'old_photos'} and {folder / 'photos'}")


if __name__ == "__main__":
    main()
