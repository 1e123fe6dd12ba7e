"""Moodle's rows as they stream in, put where each band of learner ranges finds its own."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS, Snapshot
from alx_core.services.sync.source import NO_TEXTS, TEXT_SUFFIX, merge_texts
from alx_core.store.spool import Spool, SpoolFolder

Batch = tuple[str, pl.DataFrame]


class Gathered:
    """One scan's rows: those of learners on disk by band, the catalogue in memory."""

    def __init__(self, folder: SpoolFolder, layout: Layout, bands: Sequence[Sequence[int]]) -> None:
        """Keep the rows of `bands`, ascending range indexes each, in spools of `folder`."""
        self._folder = folder
        self.bands = bands
        self._layout = layout
        self._wanted = [index for band in bands for index in band]
        self._begins = pl.Series([band[0] for band in bands], dtype=pl.Int64)
        self._learners: dict[str, Spool] = {}
        self._catalogue: list[Batch] = []

    def take(self, batches: Iterator[Batch]) -> None:
        """Take in a scan; rows of ranges in no band are left out."""
        for table, batch in _read_ahead(batches):
            if table.removesuffix(TEXT_SUFFIX) not in LEARNER_TABLES:
                self._catalogue.append((table, batch))
                continue
            index = self._layout.index_of(pl.col("id" if "id" in batch.columns else "userid"))
            rows = batch if len(self._wanted) == self._layout.count else batch.filter(index.is_in(self._wanted))
            if table not in self._learners:
                self._learners[table] = self._folder.spool()
            self._learners[table].add(rows, pl.lit(self._begins).search_sorted(index, side="right").cast(pl.Int64) - 1)

    def snapshot(self, band: int) -> Snapshot:
        """Return everything that the rules need about the learners of one band, by its number, from 0."""
        return {name: self._frame(name, band) for name in SNAPSHOT_COLUMNS}

    def catalogue(self) -> Snapshot:
        """Return the tables that are the same for all learners."""
        return {name: self._frame(name, 0) for name in SNAPSHOT_COLUMNS if name not in LEARNER_TABLES}

    def drop(self) -> None:
        """Remove the rows from disk."""
        for spool in self._learners.values():
            self._folder.drop(spool)

    def _frame(self, name: str, band: int) -> pl.DataFrame:
        if name not in LEARNER_TABLES:
            return merge_texts(name, self._catalogue)
        texts = name + TEXT_SUFFIX
        found = [(table, self._learners[table].rows(band)) for table in (name, texts) if table in self._learners]
        batches = [(table, NO_TEXTS if rows is None and table == texts else rows) for table, rows in found]
        return merge_texts(name, [(table, rows) for table, rows in batches if rows is not None])


def _read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Fetch the next batch while the last one is put away: both take about as long."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as executor:
        ahead = executor.submit(next, batches, None)
        while (batch := ahead.result()) is not None:
            ahead = executor.submit(next, batches, None)
            yield batch
