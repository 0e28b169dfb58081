"""The ledger's file: its table, its rows, and how it is opened, made and mistrusted."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pixcli.atomic import atomic
from pixcli.errors import InputError, OutputError, UsageError
from pixcli.plan import alive
from pixcli.plan.job import shown

FOLDER, FILE = ".pixcli", "ledger.sqlite"
APPLICATION, VERSION = 0x70697863, 2  # "pixc"
STALE_S = 600.0  # a claim of another machine is given up when it was not renewed for so long

COLUMNS = (
    "output, task, key, input, size, mtime_ns, status, outputs, seconds, lost, error,"
    " run, host, pid, born, beat, revision, digest, pixels, ended,"
    " coalesce(weights, ''), coalesce(model, ''), coalesce(options, '')"
)
TABLES = "job LEFT JOIN setting USING (key)"
SECOND = f"""
ALTER TABLE job ADD COLUMN digest TEXT DEFAULT '';
ALTER TABLE job ADD COLUMN pixels INTEGER DEFAULT 0;
ALTER TABLE job ADD COLUMN ended REAL DEFAULT 0;
CREATE TABLE setting (key TEXT PRIMARY KEY, weights TEXT, model TEXT, options TEXT) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""
SCHEMA = f"""
CREATE TABLE job (
    output, task TEXT, key TEXT, input, size INTEGER, mtime_ns INTEGER,
    status TEXT, outputs TEXT DEFAULT '[]', seconds REAL, lost TEXT DEFAULT '[]', error TEXT DEFAULT '',
    run TEXT, host TEXT, pid INTEGER, born TEXT, beat REAL, revision INTEGER DEFAULT 1,
    PRIMARY KEY (output, task)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
{SECOND}
"""


@dataclass(frozen=True)
class Made:
    """A file that a job wrote: its path below the ledger's folder, and how it looked right after.

    digest: of its content, where --checksum was asked for.
    """

    path: str
    size: int
    mtime_ns: int
    digest: str = ""

    def now(self, home: Path | None, checksum: bool = False) -> Literal["same", "changed", "gone"]:
        """How it looks now, below this folder. checksum: believe its content, where that is known."""
        path = f"{home}/{self.path}"
        try:
            there = os.stat(path)  # noqa: PTH116  a Path costs more than the question
        except OSError:
            return "gone"
        same = is_same(path, (there.st_size, there.st_mtime_ns), self, checksum)
        return "same" if same else "changed"


@dataclass(frozen=True)
class Row:
    """What the ledger knows of one output of one task.

    status: "claimed" (begun, and `alive` tells whether by a run that still works), "open" (begun and let
    go), "done", "failed". output: below the ledger's folder, "/" between parts. input: absolute. outputs:
    the files made when it was last done. seconds: work of all threads on it; pixels: of the input; ended:
    when, by the clock. digest: of the input's content, where --checksum was asked for. weights, model,
    options: of the setting that `key` stands for.
    """

    output: str
    task: str
    key: str
    input: str
    size: int
    mtime_ns: int
    status: str
    outputs: tuple[Made, ...]
    seconds: float | None
    lost: tuple[str, ...]
    error: str
    run: str
    host: str
    pid: int
    born: str
    beat: float
    revision: int
    digest: str
    pixels: int
    ended: float
    weights: str
    model: str
    options: str

    @property
    def alive(self) -> bool:
        """Whether the run that claimed this row still works on it."""
        if self.status != "claimed":
            return False
        here = alive.runs(self.host, self.pid, self.born)
        return here if here is not None else time.time() - self.beat < STALE_S


def is_same(path: str | Path, now: tuple[int, int], then: Made | Row, checksum: bool) -> bool:
    """Whether a file is as it was. now: its size and mtime_ns, which decide unless a digest is to."""
    if checksum and then.digest:
        return now[0] == then.size and digest_of(path) == then.digest
    return now == (then.size, then.mtime_ns)


def digest_of(path: str | Path) -> str:
    """A hash of a file's content; "" when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""


def place_of(output: Path, home: Path) -> str:
    """How the ledger of `home` calls an output."""
    below, text = f"{home}{os.sep}", str(output)
    if str(home) != "." and text.startswith(below):  # as relative_to, at a tenth of its price
        return text[len(below) :].replace(os.sep, "/")
    return os.path.relpath(output, home).replace(os.sep, "/")


def name_of(home: Path, shard: tuple[int, int] | None) -> str:
    """The ledger's file that a run writes: on a network file system, where SQLite's locks cannot be trusted,
    each shard has its own. shard: (i, n) with 0 ≤ i < n.
    """
    if shard is None or not alive.is_remote(home):
        return FILE
    return f"ledger-{shard[0] + 1}of{shard[1]}.sqlite"


def rows(home: Path, own: str = FILE) -> dict[tuple[str, str], Row]:
    """All rows by (output, task), of all ledgers together; {} when there is none yet. Writes nothing.

    own: the file's name that is going to be written; a row's revision is that in it, 0 when it is not there.
    Of a shard's sisters, which may be writing, nothing is read: what they do is no business of this shard.
    Raises OutputError for a damaged or foreign file, UsageError for one of a newer pixcli.
    """
    found: dict[tuple[str, str], Row] = {}
    written: dict[tuple[str, str], Row] = {}
    _, of, count = own.rpartition("of")
    for path in sorted((home / FOLDER).glob("ledger*.sqlite")):
        if of and path.name != own and path.name.endswith(of + count):
            continue
        here = _rows(path)
        if path.name == own:
            written = here
        for at, row in here.items():
            other = found.get(at, row)
            newest, older = (row, other) if row.beat >= other.beat else (other, row)
            found[at] = newest if newest.outputs else replace(newest, outputs=older.outputs)
    if found == written:
        return written
    return {
        at: replace(row, revision=written[at].revision if at in written else 0) for at, row in found.items()
    }


def _rows(path: Path) -> dict[tuple[str, str], Row]:
    with clearly(path):
        # Without a side file nobody writes; a database read as immutable gets none from us either.
        busy = any(path.with_name(path.name + s).exists() for s in ("-wal", "-journal"))
        if not busy:
            with suppress(sqlite3.DatabaseError):  # somebody began to write just now
                return _read(path, "immutable=1")
        try:
            return _read(path, "mode=ro")
        except sqlite3.OperationalError as e:
            if "readonly" not in str(e):
                raise
            return _read(path, "mode=rw")  # rolls back what a killed run left half written


def connect(path: Path) -> sqlite3.Connection:
    """A connection that several threads may use in turn, with transactions begun by hand."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        settle(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def settle(connection: sqlite3.Connection) -> None:
    """With a write-ahead log do not wait for the disk: a power cut may take the last notes, no more."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        connection.execute("PRAGMA synchronous=NORMAL")


def create(path: Path) -> None:
    """A new ledger, complete from the first moment on that another run can see it."""
    with atomic(path, new=True) as temp:
        connection = connect(temp)
        try:
            connection.executescript(SCHEMA)
            if not alive.is_remote(path.parent):  # its shared memory does not reach across machines
                connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a ledger; raises for a file that is none, or is a newer pixcli's."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION:
        raise OutputError(f"{shown(path)}: is no ledger of pixcli, or is damaged", _HINT)
    if version > VERSION:
        raise UsageError(
            f"{shown(path)}: was written by a newer pixcli (ledger version {version}, "
            f"this one knows {VERSION})",
            "update pixcli, or give another -o OUT",
        )
    return int(version)


_HINT = "move it away; what lies in the folder then counts as not made by pixcli"


@contextmanager
def clearly(path: Path) -> Iterator[None]:
    """Faults of the file system and of SQLite in one line."""
    try:
        yield
    except sqlite3.OperationalError as e:
        raise OutputError(
            f"{shown(path)}: the ledger cannot be used: {e}", "is the disk full or read-only?"
        ) from e
    except sqlite3.DatabaseError as e:
        raise OutputError(f"{shown(path)}: the ledger is damaged or foreign: {e}", _HINT) from e
    except InputError as e:
        raise OutputError(e.what) from e
    except OSError as e:
        raise OutputError(f"{shown(path)}: cannot be written: {e.strerror or e}") from e


def _read(path: Path, mode: str) -> dict[tuple[str, str], Row]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=30)
    try:
        if check(connection, path) < VERSION:
            old, connection = connection, sqlite3.connect(":memory:")
            old.backup(connection)
            old.close()
            connection.executescript(SECOND)
        found = [as_row(columns) for columns in connection.execute(f"SELECT {COLUMNS} FROM {TABLES}")]
    finally:
        connection.close()
    return {(row.output, row.task): row for row in found}


def as_row(columns: Sequence[Any]) -> Row:
    output, task, key, source, size, mtime_ns, status, outputs, seconds, lost, error, *rest = columns
    try:
        made = tuple(Made(*m) for m in json.loads(outputs))
        missed = tuple(json.loads(lost))
    except (TypeError, ValueError) as e:
        raise sqlite3.DatabaseError(str(e)) from e
    place, source = _path(output), _path(source)
    return Row(place, task, key, source, size, mtime_ns, status, made, seconds, missed, error, *rest)


def column(path: str) -> str | bytes:
    """A path for SQLite, which takes no lone surrogates: bytes where it is no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _path(column: str | bytes) -> str:
    return os.fsdecode(column) if isinstance(column, bytes) else column
