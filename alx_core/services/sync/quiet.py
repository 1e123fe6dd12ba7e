"""Learner ranges in which nothing happened since the last sync, and the proof of it.

A range is skipped when its digest is the one noted when its rows were last right, no enrolment has begun or ended
since, and nobody else wrote to the table. A digest is noted only when it is the same before and after the range was
read, and forgotten before anything is written: a run that is killed leaves no digest that is not true. The first sync
of a day (UTC) looks at everything, so that a collision of digests lasts a day at most.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from sqlalchemy import Engine

from alx_core.domain.learners import Layout
from alx_core.domain.sync import Kind, SyncRequest
from alx_core.services.sync.plan import Plan, RangeFacts
from alx_core.services.sync.source import Source
from alx_core.store.companies import row_counts_are_true
from alx_core.store.digests import forget_digests, load_digests, save_digests
from alx_core.store.engine import connect, transaction

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Quiet:
    """What needs no look: facts by range index. `before` holds the digests of all ranges; None: none were made."""

    facts: Mapping[int, RangeFacts] = field(default_factory=dict)
    before: Mapping[int, str] | None = None


def find_quiet(engine: Engine, source: Source, layout: Layout, request: SyncRequest) -> Quiet:
    """Compare the digests of now with those noted. A rebuild, and the first sync of all, look at everything."""
    if request.kind is Kind.REBUILD:
        return Quiet()
    with connect(engine) as connection:
        stored = load_digests(connection)
        is_first, is_untouched = row_counts_are_true(connection)
    before = None if is_first else source.digests(layout)
    if before is None:
        return Quiet()
    if not is_untouched:
        return Quiet(before=before)
    by_first = {row["first_userid"]: row for row in stored if _is_valid(row, request.as_of)}
    facts = {}
    for index in range(layout.count):
        learners = layout.range_at(index)
        row = by_first.get(learners.first)
        if row is not None and (row["last_userid"], row["digest"]) == (learners.last, before.get(index)):
            facts[index] = _facts(row)
    return Quiet(facts, before)


def forget_changed(engine: Engine, layout: Layout, quiet: Quiet) -> None:
    """Forget the digests of all ranges that are not skipped; to be called before anything is written."""
    with transaction(engine) as connection:
        forget_digests(connection, keep=[layout.range_at(index).first for index in quiet.facts])


def note_digests(
    engine: Engine, source: Source, plan: Plan, quiet: Quiet, *, as_of: int, failed: Collection[int]
) -> None:
    """Note the digests of the ranges whose rows are right now; those of a failed company are not."""
    if quiet.before is None or not plan.facts:
        return
    after = source.digests(plan.layout) or {}
    rows = [
        _row(plan, index, quiet.before[index], as_of)
        for index in plan.facts
        if quiet.before.get(index) is not None
        and quiet.before[index] == after.get(index)
        and not plan.companies_changed[index] & set(failed)
        and not plan.bad
    ]
    with transaction(engine) as connection:
        save_digests(connection, rows)


def _is_valid(row: Mapping[str, Any], as_of: int) -> bool:
    noted_at, valid_until = int(row["as_of"]), row["valid_until"]
    is_in_time = noted_at <= as_of and (valid_until is None or as_of < int(valid_until))
    return is_in_time and noted_at // DAY_S == as_of // DAY_S


def _row(plan: Plan, index: int, digest: str, as_of: int) -> dict[str, Any]:
    learners, facts = plan.layout.range_at(index), plan.facts[index]
    return {
        "first_userid": learners.first,
        "last_userid": learners.last,
        "digest": digest,
        "as_of": as_of,
        "valid_until": facts.valid_until,
        "facts": orjson.dumps(asdict(facts), option=orjson.OPT_NON_STR_KEYS).decode(),
    }


def _facts(row: Mapping[str, Any]) -> RangeFacts:
    found = orjson.loads(row["facts"])
    return RangeFacts(**{**found, "rows": {int(companyid): rows for companyid, rows in found["rows"].items()}})
