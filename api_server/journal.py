"""The request log on its way to the database: a file first, so that no answer waits and nothing is lost.

Before a request is answered its line is appended to the process's own file, which takes microseconds and survives a
kill. A thread carries the lines into `local_alx_api_logs`, at once when the database is willing, later when it is not.
Files of processes that are gone are carried over by those that live. A line that is carried twice is written once: it
has the request's id. A line that is no entry, on a damaged disk, is given up; no other waits for it.
"""

import errno
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from alx_core.errors import StoreError
from alx_core.faults import first_line
from alx_core.logs import get_logger
from alx_core.store.engine import make_engine, transaction
from alx_core.store.request_log import add_requests
from api_server.entry import LogEntry

log = get_logger()

BATCH_LINES = 1000
GATHER_S = 0.25
"""Seconds between two batches: a transaction for a handful of lines would cost more than the requests themselves."""
RETRY_S = 1.0
ORPHANS_EVERY_S = 30.0
CLOSE_S = 5.0
ROTATE_BYTES = 8 << 20
"""A file of this size is written to no more, and removed once it is carried."""
SUFFIX = ".jsonl"


@dataclass(slots=True)
class _OwnFile:
    """A file of this process, carried up to an offset. It is held open: its lock says that the process lives."""

    file: BinaryIO
    carried: int = 0

    @property
    def path(self) -> Path:
        return Path(self.file.name)

    @property
    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    @property
    def is_carried(self) -> bool:
        return self.carried >= self.size


class Journal:
    """One process's request log."""

    def __init__(self, folder: Path, database: URL) -> None:
        """Write below `folder`; carry to `database`. Nothing starts before `start`."""
        self._folder = folder
        self._engine = make_engine(database)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._files: deque[_OwnFile] = deque()
        """The last one is written to; one before it is still to be carried."""
        self._orphans_at = 0.0
        self._has_failed = False

    @property
    def is_behind(self) -> bool:
        """Whether lines are left in files for now: the last round failed, or the thread that carries them is gone."""
        return self._has_failed or (self._thread is not None and not self._thread.is_alive())

    def start(self) -> None:
        """Open the process's file and start carrying; to be called in the process that writes."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._files.append(self._open_new())
        self._thread = threading.Thread(target=self._carry_on, name="journal", daemon=True)
        self._thread.start()

    def write(self, entry: LogEntry) -> None:
        """Append one request. Returns when the operating system has it. Raises OSError: the disk, or it is closed."""
        line = msgspec.json.encode(entry) + b"\n"
        with self._lock:
            file = self._files[-1].file
            if file.closed:
                raise OSError(errno.EBADF, "the request log is closed")
            _append(file.fileno(), line)
        self._wake.set()

    def close(self) -> None:
        """Carry what is left, as far as the database is willing, and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_S)
            if not self._thread.is_alive():
                self._let_go()

    def _let_go(self) -> None:
        """Close everything. A file of which all is carried is removed; else another process will carry it."""
        with self._lock:
            for each in self._files:
                if each.is_carried:
                    each.path.unlink(missing_ok=True)
                each.file.close()
        self._engine.dispose()

    def _open_new(self) -> _OwnFile:
        # The lock says that the file's process lives; the operating system drops it with the process.
        while True:
            path = self._folder / f"{time.time_ns()}-{os.getpid()}{SUFFIX}"
            file = path.open("ab", buffering=0)
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():
                return _OwnFile(file)
            file.close()  # before it was locked, another process took it for that of a dead one

    def _carry_on(self) -> None:
        while not (self._stop.is_set() and all(each.is_carried for each in self._files)):
            self._wake.wait(timeout=RETRY_S)
            self._wake.clear()
            self._stop.wait(GATHER_S)
            try:
                self._carry_own()
                self._carry_orphans()
                self._rotate()
                self._has_failed = False
            except Exception as error:  # noqa: BLE001  # whatever it is, the requests to come are logged
                self._has_failed = True
                if self._stop.is_set():
                    return  # another process carries the files over
                log.warning("journal_waits", error=first_line(error))
                self._stop.wait(RETRY_S)

    def _carry_own(self) -> None:
        for each in tuple(self._files):
            each.carried = self._carry(each.path, each.carried)
        if len(self._files) > 1 and self._files[0].is_carried:
            old = self._files.popleft()
            old.path.unlink(missing_ok=True)
            old.file.close()

    def _rotate(self) -> None:
        """Begin a new file where the only one is large; requests may come without a pause, so it need not be carried.

        One alone waits to be carried: while the database is away it is the newer one that grows.
        """
        with self._lock:
            if len(self._files) == 1 and self._files[0].size >= ROTATE_BYTES:
                self._files.append(self._open_new())

    def _carry(self, path: Path, offset: int) -> int:
        """Carry a file's lines from `offset` on; return the offset behind the last whole line.

        What comes meanwhile is left for the next time, or under load each line would get a transaction of its own.
        """
        with path.open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            while offset < end:
                file.seek(offset)
                lines = list(islice(takewhile(_is_whole, file), BATCH_LINES))
                if not lines:
                    break
                self._write(_parsed(lines, path.name))
                offset += sum(map(len, lines))
        return offset

    def _write(self, rows: list[dict[str, Any]]) -> None:
        """Write rows; where the database refuses some for what they hold, these alone are given up."""
        try:
            with transaction(self._engine) as connection:
                add_requests(connection, rows)
        except (DataError, IntegrityError, OverflowError) as error:  # the last: a number that no JSON text can hold
            if len(rows) == 1:
                cause = getattr(error, "orig", error)
                log.error("request_not_logged", request_id=rows[0]["request_id"], error=type(cause).__name__)
                return
            for row in rows:
                self._write([row])

    def _carry_orphans(self) -> None:
        now = time.monotonic()
        if now < self._orphans_at:
            return
        self._orphans_at = now + ORPHANS_EVERY_S
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                self._if_orphaned(path, lambda path: self._carry(path, 0))
            except (StoreError, SQLAlchemyError):
                raise  # the database's fault is that of all files
            except Exception as error:  # noqa: BLE001  # this file's alone, such as its rights
                log.error("journal_file_left", file=path.name, error=first_line(error))

    def _if_orphaned(self, path: Path, carry: Callable[[Path], int]) -> None:
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                carry(path)
                path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            return  # its process lives, or somebody else was faster
        log.info("journal_carried_over", file=path.name)


def _append(file: int, line: bytes) -> None:
    """Write a line or nothing. Raises OSError: the disk; half a line would take the next one with it."""
    written = os.write(file, line)
    if written < len(line):
        os.ftruncate(file, os.fstat(file).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _is_whole(line: bytes) -> bool:
    """Whether a line is there to its end: a reader may see the first half of a write."""
    return line.endswith(b"\n")


def _parsed(lines: list[bytes], file: str) -> list[dict[str, Any]]:
    """The rows of whole lines; those that are no entries are given up, such as one that a full disk cut off."""
    rows = []
    for line in lines:
        # ValueError: no UTF-8, no JSON, or another's fields. RecursionError: brackets without end.
        with suppress(ValueError, RecursionError):
            rows.append(msgspec.structs.asdict(msgspec.json.decode(line, type=LogEntry)))
    if len(rows) < len(lines):
        log.error("journal_lines_unreadable", file=file, lines=len(lines) - len(rows))
    return rows
