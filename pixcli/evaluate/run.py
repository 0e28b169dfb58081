"""One evaluation: pictures degraded into files, sent through the engine, measured from what it wrote."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from pixcli.engine import Event, Item, Settings, attach, run
from pixcli.errors import DeviceError, InputError, OutputError, UsageError
from pixcli.evaluate import datasets
from pixcli.evaluate.geometry import Maps
from pixcli.evaluate.listed import protocol_of
from pixcli.evaluate.protocols import Files, Protocol, Row
from pixcli.media import kind_of, size_of
from pixcli.models import find, load
from pixcli.plan import make
from pixcli.tasks import TASKS, Task

ROUND = 4  # digits of the figures that go into cards


@dataclass(frozen=True)
class Table:
    """What came out. rows: one a picture, {"picture": stem, measure: number, …}; mean: over the rows.

    Baselines stand beside as measures of their own: bicubic_psnr, ab_rmse_gray, ab_rmse_set_tint. figure:
    the measure that counts most. command: what to type for the same again.
    """

    task: str
    dataset: str
    model: str
    protocol: str
    figure: str
    rows: tuple[Row, ...]
    mean: dict[str, float]
    command: str

    def to_json(self) -> dict[str, Any]:
        """All of it in plain types."""
        return asdict(self)

    def measures(self) -> tuple[dict[str, Any], ...]:
        """The means as rows of a card: {"set", "measure", "value", "protocol", "command"}."""
        about = {"set": self.dataset, "protocol": self.protocol, "command": self.command}
        return tuple({"measure": k, "value": round(v, ROUND), **about} for k, v in self.mean.items())


def evaluate(
    task: str,
    dataset: str | Path,
    *,
    model: str | None = None,
    keep: Path | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Table:
    """Measure a task's model on a test set.

    task: one of listed.PROTOCOLS. dataset: a name of datasets.SETS or PAIRS, or a folder (`find`). model: as
    for the command; None takes the default. keep: a new or empty folder to leave input/, output/ and truth/
    in. options: those that the task's protocol takes, and any of the task's own. settings: in fp32 if not
    said, whatever the machine would take, so that figures are the same on all.

    Raises UsageError for what does not fit together, WeightsError and DeviceError as the command does,
    InputError as soon as one picture fails: a mean over the rest would mislead.
    """
    kind = protocol_of(task)
    asked = {k: v for k in kind.takes if (v := options.pop(k, None)) not in (None, False)}
    rules = kind(**asked)
    if fixed := rules.options.keys() & options.keys():
        raise UsageError(f"--{min(fixed)} is set by the measurement")
    work = TASKS[task](**rules.options, **options)
    card = find(model or work.default, task)
    settings = settings or Settings(precision="fp32")
    device = attach(work, load(card), settings)
    pictures = datasets.find(dataset)
    if pictures.given:
        rules.pair()
    rules.meet(card, pictures)
    with tempfile.TemporaryDirectory(prefix="pixcli-eval-") as temporary:
        folder = keep or Path(temporary)
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty", "give a new folder to --keep")
        files = _degraded(rules, pictures, folder)
        _through_engine(work, folder, settings, device)
        _rounded(files)
        rows = rules.rows(files)
    typed = _typed(work, options)
    return Table(
        task=task,
        dataset=pictures.name,
        model=rules.model or card.name,
        protocol=", ".join([rules.text, *_words(typed)]),
        figure=rules.figure,
        rows=tuple(rows),
        mean=rules.means(rows),
        command=_command(task, dataset, model or card.name, asked | typed),
    )


def _degraded(rules: Protocol, pictures: datasets.DataSet, folder: Path) -> list[Files]:
    """The files of a run: what is given and the truth are written, the output is only named."""
    for name in ("input", "output", "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = []
    for number, path in enumerate(pictures.pictures):
        if isinstance(rules, Maps):
            beside = pictures.given[number] if pictures.given else None
            laid = rules.files(folder, path)
            if rules.lay(laid, path, beside):
                files.append(laid)
            continue
        given, out, truth = (folder / name / f"{path.stem}.png" for name in ("input", "output", "truth"))
        pixels = rules.truth(datasets.read(path))
        Image.fromarray(pixels).save(truth, compress_level=1)
        if rules.paired:
            datasets.read(pictures.given[number])  # says what is wrong with it
            with Image.open(pictures.given[number]) as image:
                image.save(given, compress_level=1)
        elif (spoilt := rules.degrade(pixels, number)).dtype == np.float32:
            given = given.with_suffix(".tif")
            tifffile.imwrite(given, spoilt, photometric="rgb" if spoilt.ndim == 3 else "minisblack")
        else:
            Image.fromarray(spoilt).save(given, compress_level=1)
        files.append(Files(given, out, truth))
    return files


def _rounded(files: Sequence[Files]) -> None:
    """Answers of float32 as the 8-bit files that are measured."""
    for f in files:
        wide = f.out.with_suffix(".tif")
        if wide.exists():
            pixels = tifffile.imread(wide)
            Image.fromarray(np.rint(pixels * 255).clip(0, 255).astype(np.uint8)).save(f.out, compress_level=1)
            wide.unlink()


def _through_engine(work: Task, folder: Path, settings: Settings, device: str) -> None:
    """input/ → output/, as the command does it."""
    failed: list[Item] = []

    def listen(event: Event) -> None:
        if event.item is not None and event.item.status != "done":
            failed.append(event.item)

    plan = make(
        [folder / "input"],
        folder / "output",
        task=work.name,
        kind_of=kind_of,
        suffix_of=lambda path, kind: work.suffix() or path.suffix,
        apart=work.apart(),
        size_of=size_of,
    )
    summary = run(work, plan, settings, [listen], device=device)
    if summary.exit_code > 128:
        raise KeyboardInterrupt
    if failed:
        kind = {"device": DeviceError, "output": OutputError}.get(failed[0].error, InputError)
        raise kind(f"{failed[0].input}: {failed[0].text}")


def _typed(work: Task, options: dict[str, Any]) -> dict[str, Any]:
    """The task's options but for those that are what they are anyway."""
    usual = work.options()
    return {k: v for k, v in options.items() if usual[k].check(k, v) != usual[k].default}


def _command(task: str, dataset: str | Path, model: str, options: dict[str, Any]) -> str:
    return " ".join(["pixcli eval", task, str(dataset), *_words(options), f"--model {model}"])


def _words(options: dict[str, Any]) -> list[str]:
    """Options as they are typed."""
    words = []
    for k, v in options.items():
        name = k.replace("_", "-")
        if isinstance(v, bool):
            words.append(f"--{name}" if v else f"--no-{name}")
        elif v is not None:
            words.append(f"--{name} {v:g}" if isinstance(v, float) else f"--{name} {v}")
    return words
