"""The companies as the reporting database knows them: names from Moodle, and how far readers may read."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, inspect, select, update

from alx_core.domain.sync import TableFacts
from alx_core.store.engine import insert_into
from alx_core.store.tables import companies, is_current, reporting


def list_companies(connection: Connection) -> list[dict[str, Any]]:
    """Return all companies, those gone from Moodle too, by shortname."""
    return [dict(row) for row in connection.execute(select(companies).order_by(companies.c.shortname)).mappings()]


def upsert_company(connection: Connection, companyid: int, **values: object) -> None:
    """Write what is known of one company; see `upsert_companies`."""
    upsert_companies(connection, [{"companyid": companyid, **values}])


def upsert_companies(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Write what is known of companies; what is not named keeps its value, or takes its zero for a new one.

    All rows name the same columns, `companyid` among them. What is published gets a new `cache_id`: after a restore the
    numbers of changes come again, and a cache must not take the new ones for those that were lost.
    """
    if not rows:
        return
    zero = {"shortname": "", "name": "", "suspended": 0, "is_deleted": 0, "row_count": 0, "published_seq": 0}
    statement = insert_into(connection, companies)
    known = [name for name in rows[0] if name != "companyid"]
    if "published_seq" in known:
        known.append("cache_id")
    changed = {name: statement.excluded[name] for name in known}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["companyid"], set_=changed),
        [{**zero, "cache_id": secrets.token_hex(8), **row} for row in rows],
    )


def lock_companies(connection: Connection) -> None:
    """Take all companies until the transaction ends, in the order in which a sync writes them.

    Two who write several in different orders would wait for each other in a ring. SQLite has one writer anyway.
    """
    connection.execute(select(companies.c.companyid).order_by(companies.c.companyid).with_for_update())


def mark_gone(connection: Connection, present: Collection[int]) -> None:
    """Mark the companies that Moodle no longer has."""
    connection.execute(update(companies).where(companies.c.companyid.not_in(list(present))).values(is_deleted=1))


def noted_row_counts(connection: Connection) -> dict[int, int]:
    """Return how many rows the last sync left in the reporting table, by company; those without any are left out."""
    return {each["companyid"]: each["row_count"] for each in list_companies(connection) if each["row_count"]}


def table_facts(connection: Connection) -> TableFacts:
    """Look once over the reporting table: rows per company, and what no row may be."""
    row = reporting.c
    is_out_of_range = (row.percentage < 0) | (row.percentage > 100)
    is_timeless = (row.status == "completed") & (row.timecompleted <= 0)
    query = (
        select(
            row.companyid,
            func.count(),
            func.sum(case((is_out_of_range, 1), else_=0)),
            func.sum(case((is_timeless, 1), else_=0)),
        )
        .where(is_current(reporting))
        .group_by(row.companyid)
    )
    found = [tuple(map(int, each)) for each in connection.execute(query)]
    return TableFacts(
        rows={companyid: rows for companyid, rows, _, _ in found},
        percentage_out_of_range=sum(each[2] for each in found),
        completed_without_time=sum(each[3] for each in found),
        duplicate_keys=_duplicate_keys(connection),
    )


def _duplicate_keys(connection: Connection) -> int:
    """How many keys stand twice. The primary key says none; they are counted only where somebody dropped it."""
    key = [column.name for column in reporting.primary_key]
    if inspect(connection).get_pk_constraint(reporting.name)["constrained_columns"] == key:
        return 0
    columns = [reporting.c[name] for name in key]
    twice = select(*columns).group_by(*columns).having(func.count() > 1).subquery()
    return connection.execute(select(func.count()).select_from(twice)).scalar_one()
