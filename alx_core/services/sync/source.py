"""What a sync needs of Moodle. The pipeline implements it over the three databases; tests over frames."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

import polars as pl

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import Layout, LearnerRange
from alx_core.domain.progress import SNAPSHOT_COLUMNS, Snapshot

TEXT_SUFFIX = ".text"
"""A source that can't bring a table's texts along sends them later, as `<table>.text` with `id`, the texts, and what
else is to be as it was then. It sends NO_TEXTS first: there may be none."""
NO_TEXTS = pl.DataFrame(schema={"id": pl.Int64()})


class Digests(NamedTuple):
    """RANGE_DIGESTS of all rows with a learner, and of those about some courses, empty if not asked for.

    Both are of the same moment: where `whole` is what it was once, `of_courses` is too.
    """

    whole: pl.DataFrame
    of_courses: pl.DataFrame


class Source(Protocol):
    """A Moodle to read from. All methods raise SourceError."""

    def companies(self) -> pl.DataFrame:
        """Return the table `company` with the columns of SNAPSHOT_COLUMNS."""
        ...

    def layout(self, rows_per_band: int) -> Layout:
        """Return a layout whose bands hold about `rows_per_band` completion rows each."""
        ...

    def scan(
        self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield everything that the rules need about `learners`, as (table, batch); all of it is of one moment.

        With `courses`, only their rows; the catalogue comes along whole, whatever was asked for. Batches of one table
        have the columns of SNAPSHOT_COLUMNS, in the order in which the database keeps the rows.
        """
        ...

    @property
    def has_digests(self) -> bool:
        """Whether the database has a fast way to work digests out."""
        ...

    def digests(self, layout: Layout, courses: CourseRows | None = None) -> Digests:
        """Return the digests of what a scan of each range would read now, and one with `courses`.

        A range without one may have changed.
        """
        ...

    def catalogue(self) -> Snapshot:
        """Return the tables that are the same for all learners; those with a row per learner are empty."""
        ...

    def ranges_with(self, table: str, column: str, ids: Collection[int], layout: Layout) -> Collection[int]:
        """Return the indexes of the ranges whose learners have a row in `table` with one of `ids` in `column`.

        Only asked of a source that `has_digests`.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


def merge_texts(name: str, batches: Sequence[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    """Return one table's frame from its batches, what came later put in its place; what had gone by then is gone."""
    numbers = [frame for table, frame in batches if table == name]
    texts = [frame for table, frame in batches if table == name + TEXT_SUFFIX]
    if not numbers:
        return pl.DataFrame(schema=SNAPSHOT_COLUMNS[name])
    frame = pl.concat(numbers)
    if not texts:
        return frame
    late = pl.concat(texts, how="diagonal").unique("id")
    return frame.join(late, on="id", how="semi", maintain_order="left").update(late, on="id", how="left")
