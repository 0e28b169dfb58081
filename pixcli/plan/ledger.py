"""The ledger: one SQLite file in OUT/.pixcli that knows what was made of what, so a rerun does only the rest.

One row for each (output, task). A row is claimed before work begins and noted done only after the output lies
under its final name; a claim whose process is gone is free again. Two runs on one OUT share the work: claims
are compare-and-swap on the row's revision.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from pixcli.atomic import sweep
from pixcli.errors import OutputError
from pixcli.plan import alive
from pixcli.plan.job import STREAM, Job, shown
from pixcli.plan.ledger_file import (
    COLUMNS,
    FILE,
    FOLDER,
    SCHEMA,
    SECOND,
    TABLES,
    VERSION,
    Row,
    as_row,
    check,
    clearly,
    column,
    connect,
    create,
    digest_of,
    place_of,
    settle,
)
from pixcli.plan.setting import Setting

_AGAIN = "run it again; --on-exist overwrite where it no longer knows its outputs"
BEAT_S = 60.0  # a claim is renewed this often, for other machines to see


class Ledger:
    """The ledger of an output folder, for one setting. A context manager, for several threads.

    home: the output folder, made if missing; None keeps everything in memory (output to stdout). name: of the
    file. checksum: also note what inputs and outputs contain. Raises OutputError when the folder cannot be
    written or the file is damaged, UsageError for a newer pixcli's.
    """

    def __init__(
        self, home: Path | None, setting: Setting, *, name: str = FILE, checksum: bool = False
    ) -> None:
        self.home, self.task, self.key, self.checksum = home, setting.task, setting.key, checksum
        self.run = secrets.token_hex(8)
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._beats: threading.Thread | None = None
        self._identity: tuple[int, int] | None = None
        if home is None:
            self.path = Path(":memory:")
            self._db = connect(self.path)
            self._db.executescript(SCHEMA)
            return
        self.path = home / FOLDER / name
        with clearly(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sweep(self.path.parent)
            if not self.path.exists():
                create(self.path)
            self._identity = self._look()
            self._db = connect(self.path)
            try:
                self._open(setting)
            except BaseException:
                self._db.close()
                raise

    def _open(self, setting: Setting) -> None:
        check(self._db, self.path)
        if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("database disk image is malformed")
        with self._change():  # a read-only file says so now, and only when written to
            if check(self._db, self.path) < VERSION:
                for statement in SECOND.split(";"):  # executescript would commit before it begins
                    self._db.execute(statement)
            self._db.execute(
                "INSERT OR REPLACE INTO setting (key, weights, model, options) VALUES (?,?,?,?)",
                (self.key, setting.weights, column(setting.model), setting.options_text),
            )

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what was claimed and not finished."""
        self._stop.set()
        if self._beats:
            self._beats.join()
            self._beats = None
        with self._lock, suppress(sqlite3.ProgrammingError):  # closed already
            with suppress(sqlite3.OperationalError):  # a full disk; the claim of a dead process is free
                self._db.execute(
                    "UPDATE job SET status='open', revision=revision+1 WHERE status='claimed' AND run=?",
                    (self.run,),
                )
            self._db.close()

    def state(self, job: Job) -> Row | None:
        """What the ledger knows of this job now."""
        with self._lock, clearly(self.path):
            return self._row(self._place(job.output))

    def claim(self, job: Job) -> bool:
        """Take a job; False when another run has it, or has done it since the plan was made."""
        place = self._place(job.output)
        digest = digest_of(job.source) if self.checksum and job.input != STREAM else ""
        with self._change(durable=True):
            row = self._row(place)
            if row and row.alive:
                return False
            changed = row is not None and row.revision != job.revision
            if row and changed and row.key == self.key and row.status in ("done", "failed"):
                return False
            host, pid, born = alive.me()
            values = (
                *(self.key, column(job.source), job.size, job.mtime_ns),
                *(self.run, host, pid, born, time.time(), digest),
            )
            self._db.execute(
                "INSERT INTO job"
                " (output, task, key, input, size, mtime_ns, run, host, pid, born, beat, digest, status)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,'claimed') ON CONFLICT DO UPDATE SET"
                " key=excluded.key, input=excluded.input, size=excluded.size, mtime_ns=excluded.mtime_ns,"
                " run=excluded.run, host=excluded.host, pid=excluded.pid, born=excluded.born,"
                " beat=excluded.beat, digest=excluded.digest, status='claimed', revision=revision+1",
                (column(place), self.task, *values),
            )
        self._beat_from_now_on()
        return True

    def done(
        self,
        job: Job,
        outputs: Sequence[Path] | None = None,
        *,
        seconds: float = 0.0,
        pixels: int = 0,
        lost: Sequence[str] = (),
    ) -> None:
        """Note a job as done. outputs: what was written, under final names; by default as planned.

        seconds: work of all threads on it. pixels: of the input.
        """
        made = self._made([job.output] if outputs is None else outputs)
        self._note(
            *(job, "done", seconds),
            outputs=made,
            lost=json.dumps(list(lost)),
            error="",
            pixels=pixels,
        )

    def failed(self, job: Job, error: str, outputs: Sequence[Path] = (), *, seconds: float = 0.0) -> None:
        """Note why a job failed. outputs: what was written all the same, of a damaged film for instance;
        without any, what an earlier run made of it stays known.
        """
        text = error.encode("utf-8", "backslashreplace").decode()
        self._note(
            job, "failed", seconds, error=text, **({"outputs": self._made(outputs)} if outputs else {})
        )

    def _made(self, outputs: Sequence[Path]) -> str:
        made = []
        if self.home is not None:
            for path in outputs:
                with clearly(path):
                    status = path.stat()
                digest = digest_of(path) if self.checksum else ""
                made.append((self._place(path), status.st_size, status.st_mtime_ns, digest))
        return json.dumps(made)

    def _note(self, job: Job, status: str, seconds: float, **columns: str | int) -> None:
        sets = ", ".join(f"{c}=?" for c in columns)
        with self._change():
            self._db.execute(
                f"UPDATE job SET status=?, seconds=?, ended=?, {sets}, revision=revision+1"
                " WHERE output=? AND task=?",
                (status, seconds, time.time(), *columns.values(), column(self._place(job.output)), self.task),
            )

    def _place(self, output: Path) -> str:
        return (
            place_of(output, self.home) if self.home is not None and output != STREAM else os.fspath(output)
        )

    def _row(self, place: str) -> Row | None:
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM {TABLES} WHERE output=? AND task=?", (column(place), self.task)
        ).fetchone()
        return as_row(found) if found else None

    @contextmanager
    def _change(self, durable: bool = False) -> Iterator[None]:
        """A transaction. durable: it is on the disk when it ends, and not only safe from a killed process.

        Claims are: an output whose claim a power cut took away would be nobody's.
        """
        with self._lock, clearly(self.path):
            if self._look() != self._identity:  # SQLite would go on writing into a file that nobody can see
                raise OutputError(f"{shown(self.path)}: the ledger was removed while we worked", _AGAIN)
            if durable:
                self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            finally:
                if durable:
                    settle(self._db)

    def _look(self) -> tuple[int, int] | None:
        if self.home is None:
            return None
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0
        return status.st_dev, status.st_ino

    def _beat_from_now_on(self) -> None:
        with self._lock:
            if self._beats is None and self.home is not None and not self._stop.is_set():
                self._beats = threading.Thread(target=self._beat, name="ledger-beat", daemon=True)
                self._beats.start()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            with self._lock, suppress(sqlite3.Error):
                self._db.execute(
                    "UPDATE job SET beat=? WHERE status='claimed' AND run=?", (time.time(), self.run)
                )
