"""Learner ranges in which nothing happened since the last sync, and the proof of it.

A range is skipped when its digest is the one noted when its rows were last right, none of its learners has to do with
a company or course that was edited, no enrolment has begun or ended since, and nobody else wrote to the table. Where
all this is so but for edited courses, only these are looked at (`services.sync.edited`).

The digest that is noted is that of the very rows that were read (`domain.digests`), and it is forgotten before
anything is written: a run that is killed leaves no digest that is not true. The first sync of a day (UTC) looks at
everything, so that a collision of digests lasts a day at most.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl
from sqlalchemy import Engine

from alx_core.domain.digests import RULES_VERSION, Part, catalogue_digests, changed_parts
from alx_core.domain.learners import Layout
from alx_core.domain.progress import Snapshot
from alx_core.domain.quarantine import inspect
from alx_core.domain.range_facts import NO_RANGES, RANGE_FACTS, with_same_digest, without
from alx_core.domain.sync import Kind, SyncRequest, TableFacts
from alx_core.services.sync.edited import EditedCourses, edited_alone, find_edited
from alx_core.services.sync.plan import Plan
from alx_core.services.sync.planner import WHOLE_SHARE
from alx_core.services.sync.source import Source
from alx_core.store.companies import noted_row_counts, table_facts
from alx_core.store.digests import forget_digests, load_catalogue, load_digests, save_catalogue, save_digests
from alx_core.store.engine import connect, transaction
from alx_core.store.runs import require_running

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class QuietRanges:
    """The RANGE_FACTS of the ranges that need no look, and the catalogue by which they are right.

    `edited` are the ranges where only the rows of some courses need one. `parts` are the digests of the catalogue's
    parts. `table` is what the reporting table shows, if any range needs no look.
    """

    ranges: pl.DataFrame
    edited: EditedCourses | None
    catalogue: Snapshot
    parts: Mapping[Part, str]
    table: TableFacts | None = None

    @property
    def has_any(self) -> bool:
        """Whether any range needs no look, or not a whole one."""
        return self.edited is not None or not self.ranges.is_empty()


NONE = QuietRanges(NO_RANGES, None, {}, {})


def find_quiet(engine: Engine, source: Source, layout: Layout, request: SyncRequest) -> QuietRanges:
    """Compare the digests of now with those noted. A rebuild looks at everything.

    Moodle is not asked for digests where hardly any that is noted could be equal.
    """
    if request.kind is Kind.REBUILD or not source.has_digests:
        return NONE
    with connect(engine) as connection:
        noted = _valid(load_digests(connection), layout, request.as_of)
        counts, parts = noted_row_counts(connection), load_catalogue(connection)
    if noted.is_empty():
        return NONE
    with ThreadPoolExecutor(1, "table") as executor:  # while Moodle works
        look = executor.submit(look_at_table, engine)
        quiet = _compare(engine, source, layout, noted, parts, rows=sum(counts.values()))
    table = look.result()
    return replace(quiet, table=table) if table.rows == counts else NONE  # or somebody else wrote to it


def _compare(
    engine: Engine,
    source: Source,
    layout: Layout,
    noted: pl.DataFrame,
    parts_before: Mapping[Part, str],
    *,
    rows: int,
) -> QuietRanges:
    """Compare Moodle with what was noted when the reporting table had `rows` rows."""
    catalogue = source.catalogue()
    if inspect(catalogue).bad:  # told of each hour, where ranges are looked at
        return NONE
    parts = catalogue_digests(catalogue)
    edited = find_edited(engine, source, layout, catalogue, changed_parts(parts_before, parts), rows=rows)
    trusted = without(noted, edited.whole)
    if trusted.height <= layout.count * (1 - WHOLE_SHARE):  # everything will be read in any case
        return NONE
    now = source.digests(layout, edited.rows)
    same = with_same_digest(trusted, now.whole)
    alone = edited_alone(edited, layout, same, now.of_courses)
    return QuietRanges(without(same, edited.alone), alone, catalogue, parts)


def look_at_table(engine: Engine) -> TableFacts:
    """Look once over the reporting table."""
    with connect(engine) as connection:
        return table_facts(connection)


def forget_changed(engine: Engine, layout: Layout, quiet: QuietRanges) -> None:
    """Forget the digests of all ranges that are not skipped; to be called before anything is written.

    Those that are skipped are right by the catalogue that is noted as well as by that of now.
    """
    kept = layout.ranges().join(quiet.ranges, on="index", how="semi")
    with transaction(engine) as connection:
        forget_digests(connection, keep=kept["first_userid"].to_list())


def note_digests(engine: Engine, plan: Plan, *, run_id: int, as_of: int, failed: Collection[int]) -> None:
    """Note the digests of the ranges whose rows are right now; those of a failed company are not.

    A range with a bad record has none. One of the catalogue is in every range, so then nothing is noted. Raises
    SyncLocked when another sync has taken this one's place.
    """
    ranges = plan.ranges_without(failed).join(plan.layout.ranges(), on="index")
    with transaction(engine) as connection:
        require_running(connection, run_id)
        save_digests(connection, ranges.with_columns(as_of=pl.lit(as_of), rules_version=pl.lit(RULES_VERSION)))
        if plan.parts is not None:
            save_catalogue(connection, plan.parts)


def _valid(noted: pl.DataFrame, layout: Layout, as_of: int) -> pl.DataFrame:
    """The noted RANGE_FACTS that still say something about a range of today's layout."""
    is_same_day = pl.col("as_of") // DAY_S == as_of // DAY_S
    is_in_time = (pl.col("as_of") <= as_of) & (pl.col("valid_until").is_null() | (pl.col("valid_until") > as_of))
    found = noted.filter(is_same_day, is_in_time, pl.col("rules_version") == RULES_VERSION)
    return found.join(layout.ranges(), on=["first_userid", "last_userid"]).select(RANGE_FACTS.keys())
