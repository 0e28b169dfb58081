"""What tells of all maps of a folder together, written when a run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixcli.engine.pictures import put_beside
from pixcli.media.png import text_ahead
from pixcli.plan.ledger_file import FOLDER
from pixcli.tasks import Result

if TYPE_CHECKING:
    from pixcli.plan import Plan
    from pixcli.tasks import Task


def gather(task: Task, plan: Plan) -> None:
    """Write the task's files for the output folder; a single output that was named has none.

    What the maps themselves say is read, so that those of earlier runs and of other machines are told of too.
    Raises InputError when such a file is there that is not ours, OutputError when it cannot be written.
    """
    if not task.gathers or not task.exact() or plan.home is None or any(job.named for job in plan.jobs):
        return
    told = {}
    for path in sorted(plan.home.rglob("*.png")):
        place = path.relative_to(plan.home)
        if place.parts[0] == FOLDER or (words := text_ahead(path, task.gathers)) is None:
            continue
        told[place.as_posix()] = words
    if told:
        put_beside(Result(beside=task.gathered(told)), plan.home)
