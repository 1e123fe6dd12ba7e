"""Frames on disk while a sync runs, so that its memory does not grow with the site.

Moodle's rows arrive in the order in which the database keeps them; the rules want them band by band of learners. The
changes come out band by band; they are written company by company. In between they lie here, in Arrow files that hold
one record batch per key, or one for several that have few rows: asking for a key reads its bytes and few others.
"""

import errno
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import NamedTuple, Self

import polars as pl
import pyarrow as pa

BUFFER_BYTES = 8 << 20
"""Rows kept in memory before they are sorted and written: the larger, the fewer files to look into for a key."""
BATCH_ROWS = 50_000
"""Rows handed out at a time: enough to make a statement worth its while, few enough to stay in memory."""

SHARED_ROWS = 1_000
"""Rows up to which neighbouring keys share a record batch: one costs as much as writing some hundreds of rows."""

KEY = "_key"
Run = tuple[int, int]
"""A key and how many of the rows that follow are its."""


class Spool:
    """Rows of one kind, to be asked for by an integer key. `add` first, then read; reading is safe in threads."""

    def __init__(self, folder: Path) -> None:
        """Write below `folder`, which must exist."""
        self.folder = folder
        self._buffer: list[pl.DataFrame] = []
        self._files: list[pa.ipc.RecordBatchFileReader] = []
        self._places: dict[int, list[_Place]] = defaultdict(list)
        self._counts: Counter[int] = Counter()
        self._lock = Lock()

    def add(self, rows: pl.DataFrame, key: pl.Expr) -> None:
        """Keep rows. `key` says which integer each one belongs to; rows of one key keep their order.

        Raises ValueError for a row whose key is null: nobody would ask for it again, and it would be lost.
        """
        if rows.is_empty():
            return
        keyed = rows.with_columns(key.alias(KEY))
        if keyed[KEY].null_count():
            raise ValueError(f"{keyed[KEY].null_count()} rows have no key ({key})")
        self._buffer.append(keyed)
        if sum(frame.estimated_size() for frame in self._buffer) >= BUFFER_BYTES:
            self._flush()

    def count(self, key: int) -> int:
        """Return how many rows a key has."""
        self._flush()
        return self._counts[key]

    def batches(self, keys: Collection[int]) -> Iterator[pl.DataFrame]:
        """Yield the rows of `keys`, about BATCH_ROWS at a time, each key's in the order in which they were added.

        Those of a batch come by key.
        """
        pieces, rows = list[pa.RecordBatch](), 0
        for piece in self._pieces(keys):
            pieces.append(piece)
            rows += piece.num_rows
            if rows >= BATCH_ROWS:
                yield _frame(pieces)
                pieces, rows = [], 0
        if pieces:
            yield _frame(pieces)

    def rows(self, key: int) -> pl.DataFrame | None:
        """Return all rows of a key; None when there are none."""
        pieces = list(self._pieces([key]))
        return _frame(pieces) if pieces else None

    def _pieces(self, keys: Collection[int]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of `keys` in the order in which they lie, file by file, and there by key."""
        self._flush()
        places = sorted(place for key in keys for place in self._places.get(key, ()))
        for (file, number), found in groupby(places, key=lambda place: (place.file, place.batch)):
            with self._lock:  # a reader has one position in its file
                batch = self._files[file].get_batch(number)
            for first, end in _joined(found):
                yield batch.slice(first, end - first)

    def _flush(self) -> None:
        with self._lock:
            if not self._buffer:
                return
            rows = pl.concat(self._buffer).sort(KEY, maintain_order=True)
            self._buffer = []
            runs = rows.select(pl.col(KEY).rle().struct.unnest())
            self._write(rows, list(zip(runs["value"], runs["len"], strict=True)))

    def _write(self, rows: pl.DataFrame, runs: Sequence[Run]) -> None:
        file, begin = len(self._files), 0
        path, table = self.folder / f"{file:06}.arrow", rows.rechunk().to_arrow()
        with _named(path), pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            for number, together in enumerate(_neighbours(runs)):
                length = 0
                for key, count in together:
                    self._places[key].append(_Place(file, number, length, length + count))
                    self._counts[key] += count
                    length += count
                writer.write_batch(table.slice(begin, length).combine_chunks().to_batches()[0])
                begin += length
        self._files.append(pa.ipc.open_file(pa.OSFile(str(path))))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an error of the disk say in which file, and what: pyarrow's own has neither in its place."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or errno.EIO), str(path)) from error


class _Place(NamedTuple):
    """Where rows of a key lie: the file, its record batch, and the rows of that from `first` up to, not with, `end`."""

    file: int
    batch: int
    first: int
    end: int


def _neighbours(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Yield the keys that share a record batch."""
    together, rows = list[Run](), 0
    for run in runs:
        if together and rows + run[1] > SHARED_ROWS:
            yield together
            together, rows = [], 0
        together.append(run)
        rows += run[1]
    yield together


def _joined(places: Iterable[_Place]) -> Iterator[tuple[int, int]]:
    """Yield the rows of ascending places of one record batch as first and end, places that touch as one."""
    first = end = 0
    for place in places:
        if place.first > end:
            if end > first:
                yield first, end
            first = place.first
        end = place.end
    yield first, end


def _frame(pieces: Sequence[pa.RecordBatch]) -> pl.DataFrame:
    frame = pl.from_arrow(pa.Table.from_batches(pieces))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101  # a table, never a single column
    by_key = frame if frame[KEY].is_sorted() else frame.sort(KEY, maintain_order=True)
    return by_key.drop(KEY)


class SpoolFolder:
    """A folder of spools. It holds learners' data, so only its owner may read it; it is emptied at both ends."""

    def __init__(self, folder: Path) -> None:
        """Keep `folder` for later; `with` makes it, empty."""
        self._folder = folder
        self._spools = 0

    def __enter__(self) -> Self:
        """Make the folder, throwing away what a killed run left there."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def spool(self) -> Spool:
        """Make a new, empty spool."""
        folder = self._folder / f"{self._spools:04}"
        self._spools += 1
        folder.mkdir()
        return Spool(folder)

    def drop(self, spool: Spool) -> None:
        """Remove a spool's files before the folder goes."""
        shutil.rmtree(spool.folder, ignore_errors=True)
