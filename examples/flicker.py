"""How much the colours of a film flicker, beside those of another.

    python examples/flicker.py colour.mp4 [other.mp4 ...]

Prints for each film the mean change of colour (ab of Lab, Euclidean) from frame to frame, over the pixels
whose lightness stays within 2 of 100: what stands still should keep its colour.
"""

import sys

import torch

from pixcli.infer.lab import rgb_to_lab
from pixcli.media import FilmReader


def flicker(path: str) -> float:
    changes, before = [], None
    with FilmReader(path) as film:
        for frame in film:
            rgb = torch.from_numpy(frame.picture.pixels).permute(2, 0, 1) / frame.picture.peak
            now = rgb_to_lab(rgb)
            if before is not None:
                still = (now[0] - before[0])[0].abs() < 2
                if still.any():
                    changes.append((now[1] - before[1]).norm(dim=0)[still].mean().item())
            before = now
    return sum(changes) / max(len(changes), 1)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(f"{flicker(path):.3f}  {path}")
