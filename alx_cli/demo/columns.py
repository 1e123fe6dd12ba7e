"""A table's rows kept as columns: numpy holds a million of them in a few megabytes, and hands them out as tuples."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

Value = int | str | None
Row = tuple[Value, ...]


class Rows(Iterable[Row], Sized, Protocol):
    """Rows that know their number and can be iterated again: a list of tuples, or ColumnRows."""


SiteTable = tuple[str, list[str], Rows]
"""A table's name without prefix, its columns, and its rows with their values in that order."""

BATCH_ROWS = 20_000
"""Rows turned into Python objects at a time: enough to be fast, few enough to stay small."""


@dataclass(frozen=True, slots=True)
class Nullable:
    """A column of numbers in which 0 stands for NULL."""

    numbers: IntArray


Column = IntArray | Nullable | int | str | None


@dataclass(frozen=True, slots=True)
class ColumnRows:
    """Rows as parallel columns; a column that is one value has it in every row."""

    length: int
    columns: Sequence[Column]

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.length

    def __iter__(self) -> Iterator[Row]:
        """Yield each row as a tuple of Python values. Can be iterated again."""
        for start in range(0, self.length, BATCH_ROWS):
            stop = min(start + BATCH_ROWS, self.length)
            yield from zip(*(_part(column, start, stop) for column in self.columns), strict=True)


def _part(column: Column, start: int, stop: int) -> Sequence[Value]:
    if isinstance(column, Nullable):
        return [number or None for number in column.numbers[start:stop].tolist()]
    if isinstance(column, np.ndarray):
        part: list[Value] = column[start:stop].tolist()
        return part
    return list(repeat(column, stop - start))
