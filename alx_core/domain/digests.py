"""What rows and parts of the catalogue look like in Moodle, in short: where that is the same, nothing has changed.

Moodle's database works the digest out in SQL to say whether anything changed (`alx_pipeline.moodle.digests`); the sync
works it out over the very rows that it read, to note what the reporting table was made from. Both use `row_hash`, whose
arithmetic is the same in PostgreSQL, MariaDB, MySQL and polars. Where a site's odd columns make the two differ all the
same, its ranges are looked at each hour: that costs time and is never wrong.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS, TEXT, Snapshot
from alx_core.domain.quarantine import NULLABLE

RULES_VERSION = 6
"""To be raised when a rule or the digest changes: then every range is looked at anew once."""

NULL = LAST_TIME + 1
"""Stands for NULL in the columns that may hold it: no good record has such a time."""

# Odd numbers without a pattern, and the primes below 2**31 and 2**32. They keep every step below 2**63, because a
# database refuses to go beyond, as long as ids are below 2**31 and times before the year 10000.
FIRST, SECOND = 1_386_007_531, 2_020_202_021
OTHERS = (3_222_467, 2_718_281, 1_414_213)
START = 1_732_050_807
KEY_MODULUS, REST_MODULUS = 2**31 - 19, 2**32 - 5
TOTAL_MODULUS = 2**63
"""A table is told by its number of rows and the sum of their hashes modulo this: their order does not matter."""

TEXT_HEX = 7
"""Hex digits taken of a text's SHA-256: 28 bits, as large as an id may be. Not of its MD5: MySQL 9.6 and later have
none, nor does a PostgreSQL whose OpenSSL is in FIPS mode."""

COURSE, COMPANY = "course", "company"


class Part(NamedTuple):
    """A part of the catalogue: a course with what belongs to it, or a company; see REST."""

    kind: str
    id: int


REST = Part("rest", 0)
"""What belongs to no course or company: module types, and rows whose course or company can't be read."""

PART_OF = {
    "course": (COURSE, "id"),
    "course_modules": (COURSE, "course"),
    "enrol": (COURSE, "courseid"),
    "company_course": (COURSE, "courseid"),
    "company_shared_courses": (COURSE, "courseid"),
    "iomad_courses": (COURSE, "courseid"),
    "company": (COMPANY, "id"),
}
"""The catalogue's tables whose rows belong to a course or company each, and the column that names it."""

IN_NO_ROW = {"company": ("suspended", "shortname", "name")}
"""Columns of the catalogue on which no row of the reporting table depends."""


def row_hash(values: Sequence[Any], xor: Callable[[Any, Any], Any]) -> Any:
    """Return the expression of a row's hash, below 2**63, over the expressions of `hashed_values`.

    The first two values, which tell the rows of a table apart (Moodle's unique keys), are mixed to a factor of 31 bits
    that looks random, the others to one of 32 bits. A value that changes changes a factor, and so the hash; values that
    are swapped between two rows meet other factors there. `xor` and the square, because all else is linear, and sums of
    what is linear hide changes that are regular: without the square, activities in a row that were turned to and fro
    were missed once in 350 times. START, so that ids of 0 do not make a factor of 0.
    """
    first, second, *others = values
    mixed = (xor(first * FIRST, second * SECOND) + START) % KEY_MODULUS
    key = mixed * mixed % KEY_MODULUS
    rest = others[-1] + START
    for position, value in enumerate(others[:-1]):
        rest = rest + value * OTHERS[position]
    return key * (rest % REST_MODULUS)


def hashed_values(table: str, number: Callable[[str], Any], text: Callable[[Sequence[str]], Any]) -> list[Any]:
    """Return what `row_hash` takes of a table with a row per learner.

    `number` makes the expression of a column of numbers, NULL replaced where the column may hold it; `text` that of a
    number that stands for several columns of text, see `joined`.
    """
    texts = [name for name, dtype in SNAPSHOT_COLUMNS[table].items() if dtype == TEXT]
    first, *others = (number(name) for name, dtype in SNAPSHOT_COLUMNS[table].items() if dtype != TEXT)
    return [first, text(texts), *others] if texts else [first, *others]


def may_be_null(table: str, column: str) -> bool:
    """Whether a good record may hold NULL there. A NULL elsewhere is a bad record, whose range is never skipped."""
    return (table, column) in NULLABLE


def joined(texts: Sequence[str]) -> pl.Expr:
    """Return one text for several columns: each after its length in characters, so that no two rows are written alike.

    What stands for several columns is a number, TEXT_HEX hex digits of the SHA-256 of this text's UTF-8.
    """
    columns = [pl.col(name) for name in texts]
    parts = [part for text in columns for part in (text.str.len_chars().cast(TEXT).fill_null("-"), text.fill_null(""))]
    return pl.concat_str(parts, separator="|")


def row_hashes(table: str, rows: pl.DataFrame) -> pl.Expr:
    """Return the hashes of rows of one table with a row per learner, in the columns of SNAPSHOT_COLUMNS.

    The expression is to be used on `rows` and no other frame.
    """

    def number(column: str) -> pl.Expr:
        value = pl.col(column)
        return value.fill_null(NULL) if may_be_null(table, column) else value

    def text(columns: Sequence[str]) -> pl.Expr:
        texts = rows.select(joined(columns)).to_series()
        return pl.lit(pl.Series(map(_text_number, texts), dtype=pl.Int64))

    hashed: pl.Expr = row_hash(hashed_values(table, number, text), pl.Expr.xor)
    return hashed


def catalogue_digests(snapshot: Snapshot) -> dict[Part, str]:
    """Return the digest of each part of the catalogue, whatever the order of the rows. REST is always there."""
    texts: dict[Part, list[str]] = defaultdict(list, {REST: []})
    for name in SNAPSHOT_COLUMNS:
        if name not in LEARNER_TABLES:
            for part, text in _texts_by_part(name, snapshot[name].drop(IN_NO_ROW.get(name, ()))):
                texts[part].append(f"{name}:{text}")
    return {part: _sha256(found) for part, found in texts.items()}


def changed_parts(before: Mapping[Part, str], now: Mapping[Part, str]) -> set[Part]:
    """Return the parts whose digests differ, those that came and those that went among them."""
    return {part for part in {*before, *now} if before.get(part) != now.get(part)}


def _texts_by_part(table: str, rows: pl.DataFrame) -> Iterable[tuple[Part, str]]:
    kind, column = PART_OF.get(table, (REST.kind, None))
    named = pl.lit(None, pl.Int64) if column is None else pl.col(column)
    texts = [name for name, dtype in rows.schema.items() if dtype == TEXT]
    numbers = [pl.col(name).cast(TEXT).fill_null("-") for name in rows.columns if name not in texts]
    written = pl.concat_str([*numbers, *([joined(texts)] if texts else [])], separator="|")
    found = rows.sort(rows.columns).select(id=pl.when(named >= 0).then(named), text=written)
    for each, text in found.group_by("id").agg(pl.col("text").str.join("\n")).iter_rows():
        yield REST if each is None else Part(kind, each), text


def _text_number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:TEXT_HEX], 16)


def _sha256(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
