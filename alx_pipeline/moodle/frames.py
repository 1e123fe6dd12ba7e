"""From a database's rows to the frames that the rules read: right columns, right types, nothing lost on the way."""

from collections.abc import Sequence

import polars as pl

from alx_core.domain.progress import SNAPSHOT_COLUMNS


def typed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give `frame` the column types of table `name`. What is not of that type becomes null, for the rules to refuse."""
    return frame.select(
        pl.col(column).cast(dtype, strict=False) if frame.schema[column] != dtype else pl.col(column)
        for column, dtype in SNAPSHOT_COLUMNS[name].items()
    )


def from_rows(name: str, rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    """Build the frame of table `name` from tuples in the order of SNAPSHOT_COLUMNS."""
    return pl.DataFrame(rows, schema=SNAPSHOT_COLUMNS[name], orient="row", strict=False)


def empty(name: str) -> pl.DataFrame:
    """Build the frame of table `name` without rows."""
    return pl.DataFrame(schema=SNAPSHOT_COLUMNS[name])
