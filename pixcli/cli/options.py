"""The options that every task has: one signature, which each task's command gets after its own options."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Context, Option

from pixcli.media import MAX_PIXELS

INPUT, OUTPUT, FILMS, MACHINE, RUN = "Inputs", "Outputs", "Films", "Model and machine", "Run"

Debug = Annotated[bool, Option("--debug", help="Show where a fault came from.", rich_help_panel=RUN)]
Json = Annotated[bool, Option("--json", help="Machine-readable, on stdout.", rich_help_panel=RUN)]


def models_of(ctx: Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of models for the command that is being typed, for completion."""
    from pixcli.models import catalogue
    from pixcli.tasks import TASKS

    wanted = ctx.params.get("task") or ctx.info_name
    for card in catalogue():
        if wanted not in TASKS or card.task == wanted:
            yield card.name, card.title


Checksum = Annotated[
    bool,
    Option(
        "--checksum",
        help="Compare files with what the ledger knows by content, not by size and time.",
        rich_help_panel=OUTPUT,
    ),
]


def formats() -> list[str]:
    """What --format takes, for completion."""
    from pixcli.media.kind import SUFFIXES

    return [suffix[1:] for suffix in SUFFIXES.values()]


Model = Annotated[
    str | None,
    Option(
        "--model",
        metavar="NAME|PATH",
        help="A model by name (see `pixcli models`), by file, or torchvision:NAME.",
        autocompletion=models_of,
        rich_help_panel=MACHINE,
    ),
]
Device = Annotated[
    str,
    Option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N|mps",
        help="What to compute on.",
        autocompletion=lambda: ["auto", "cpu", "cuda", "mps"],
        rich_help_panel=MACHINE,
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    Option("--precision", metavar="auto|fp32|bf16|fp16", help="What to compute in.", rich_help_panel=MACHINE),
]
Runtime = Annotated[
    Literal["auto", "torch", "openvino"],
    Option(
        "--runtime",
        metavar="auto|torch|openvino",
        help="What computes the network on a CPU; auto takes OpenVINO where it is installed and faster.",
        rich_help_panel=MACHINE,
    ),
]
Tile = Annotated[
    int | None,
    Option(
        "--tile",
        metavar="PIXELS",
        min=16,
        help="Side of the tiles; found by itself.",
        rich_help_panel=MACHINE,
    ),
]


def shared(
    inputs: Annotated[
        list[str] | None,
        Argument(
            metavar="INPUT",
            help="Files, folders, or - for one picture on stdin.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    listed: Annotated[
        str | None,
        Option(
            "--from",
            metavar="LIST",
            help="Read paths from this file, one a line or NUL-separated; - is stdin.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    no_recursive: Annotated[
        bool, Option("--no-recursive", help="Do not go into subfolders.", rich_help_panel=INPUT)
    ] = False,
    max_pixels: Annotated[
        int, Option("--max-pixels", metavar="N", min=1, help="Refuse larger pictures.", rich_help_panel=INPUT)
    ] = MAX_PIXELS,
    shard: Annotated[
        str | None,
        Option(
            "--shard",
            metavar="I/N",
            help="Do the I-th of N shares only (1/4 … 4/4), for several machines.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    out: Annotated[
        str | None,
        Option(
            "--out",
            "-o",
            metavar="OUT",
            help="A folder (made if missing), a file for a single input, or - for stdout.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    name: Annotated[
        str | None,
        Option(
            "--name",
            metavar="PATTERN",
            help='Names of outputs, such as "{stem}_{task}".',
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    format: Annotated[
        str | None,
        Option(
            "--format",
            metavar="jpg|png|webp|tiff|…",
            help="Write in this format; else in the input's own.",
            autocompletion=formats,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        Option(
            "--quality",
            metavar="N",
            min=1,
            max=100,
            help="For JPEG, WebP and AVIF; else as the input was.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    in_place: Annotated[
        bool, Option("--in-place", help="Replace the inputs by the results.", rich_help_panel=OUTPUT)
    ] = False,
    on_exist: Annotated[
        Literal["skip", "overwrite", "error"],
        Option(
            "--on-exist",
            metavar="skip|overwrite|error",
            help="skip: leave what is up to date and what is not ours, redo what is stale.",
            rich_help_panel=OUTPUT,
        ),
    ] = "skip",
    force: Annotated[
        bool, Option("--force", "-f", help="Do everything again, up to date or not.", rich_help_panel=OUTPUT)
    ] = False,
    retry_failed: Annotated[
        bool, Option("--retry-failed", help="Do only what failed before.", rich_help_panel=OUTPUT)
    ] = False,
    checksum: Checksum = False,
    strict: Annotated[
        bool,
        Option(
            "--strict",
            help="Count a file that loses something (profile, depth) as failed.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    codec: Annotated[
        str | None,
        Option(
            "--codec",
            metavar="NAME",
            help="libx264, libx265, ffv1, …; else as the input where sensible.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    crf: Annotated[
        int | None,
        Option(
            "--crf",
            metavar="N",
            min=0,
            max=63,
            help="Quality of the codec; lower is better.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        Option(
            "--preset",
            metavar="NAME",
            help="Speed of the codec: ultrafast … veryslow.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    pix_fmt: Annotated[
        str | None, Option("--pix-fmt", metavar="NAME", help="yuv420p, yuv420p10le, …", rich_help_panel=FILMS)
    ] = None,
    start: Annotated[
        str | None,
        Option(
            "--start",
            metavar="TIME",
            help="Begin there: seconds or hh:mm:ss.ms; sound and subtitles are cut along.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    end: Annotated[
        str | None,
        Option(
            "--end", metavar="TIME", help="End before there, in the film's own time.", rich_help_panel=FILMS
        ),
    ] = None,
    every: Annotated[
        int,
        Option(
            "--every",
            metavar="N",
            min=1,
            help="Do each Nth frame only; those stay at their times.",
            rich_help_panel=FILMS,
        ),
    ] = 1,
    frames: Annotated[
        bool,
        Option(
            "--frames",
            help="Write films as folders of numbered pictures, PNG or what --format says.",
            rich_help_panel=FILMS,
        ),
    ] = False,
    fps: Annotated[
        str,
        Option(
            "--fps",
            metavar="N",
            help="Pictures a second of a film made from a folder of pictures: 24, 23.976, 30000/1001.",
            rich_help_panel=FILMS,
        ),
    ] = "25",
    segment: Annotated[
        int | None,
        Option(
            "--segment",
            metavar="FRAMES",
            min=1,
            help="Long films are done and kept in parts of so many frames, for a rerun to go on from; "
            "found by itself.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    runtime: Runtime = "auto",
    tile: Tile = None,
    batch: Annotated[
        int | None,
        Option(
            "--batch",
            metavar="N",
            min=1,
            help="Pictures of one size that go through the network together.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        Option(
            "--workers",
            metavar="N",
            min=1,
            help="Threads that read, and as many that write.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", "-n", help="Say what would be done, and do nothing.", rich_help_panel=RUN)
    ] = False,
    fail_fast: Annotated[
        bool, Option("--fail-fast", help="Stop at the first failure.", rich_help_panel=RUN)
    ] = False,
    max_failures: Annotated[
        int | None,
        Option(
            "--max-failures", metavar="N", min=1, help="Stop after so many failures.", rich_help_panel=RUN
        ),
    ] = None,
    json: Annotated[
        bool, Option("--json", help="One event a line on stdout: start, item, summary.", rich_help_panel=RUN)
    ] = False,
    report: Annotated[
        Path | None,
        Option(
            "--report",
            metavar="FILE.html",
            help="Write a page to look at: failures, times, pictures before and after.",
            rich_help_panel=RUN,
        ),
    ] = None,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Problems only.", rich_help_panel=RUN)] = False,
    debug: Debug = False,
) -> None:
    """Never called: its signature is the list."""
