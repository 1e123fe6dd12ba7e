"""Refused requests as the status page shows them. An index of their own finds them in any log."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from alx_core.domain.outcomes import QUOTA_USED_UP
from alx_core.store.request_log import HOUR_MS, IS_FAILED_AUTH, called_since
from alx_core.store.tables import companies, request_log
from alx_core.store.tables.traffic import IS_REFUSED


@dataclass(frozen=True, slots=True)
class FailedAuth:
    """Requests with a key that was refused, and from how many addresses they came."""

    calls: int
    addresses: int


@dataclass(frozen=True, slots=True)
class QuotaRefusals:
    """Requests of a company that were refused because its quota was used up; `last_at` is epoch seconds."""

    calls: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """An address, or the first characters of a key, in its busiest hour. `hour`: its start, epoch seconds."""

    source: str
    value: str
    failures: int
    hour: int


@dataclass(frozen=True, slots=True)
class Suspects:
    """The `worst` suspects, worst first, and how many there are: `addresses`, and first characters of `keys`."""

    worst: list[Suspect]
    addresses: int
    keys: int


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Refused requests of one kind, company and address. Times are epoch seconds; `companyid` None: not known."""

    outcome: str
    http_status: int
    companyid: int | None
    address: str
    calls: int
    first_at: int
    last_at: int


def count_failed_auth(connection: Connection, *, since: int) -> FailedAuth:
    """Count the failed authentications since `since`."""
    calls, addresses = connection.execute(_failed_auth(), _since(since)).one()
    return FailedAuth(int(calls), int(addresses))


@cache
def _failed_auth() -> Select[int, int]:
    return select(func.count(), func.count(request_log.c.ip_address.distinct())).where(_is_recent(), IS_FAILED_AUTH)


def count_quota_refusals(connection: Connection, *, since: int) -> dict[int, QuotaRefusals]:
    """Count the requests refused for the quota since `since`, by companyid (0: none)."""
    rows = connection.execute(_quota_refusals(), _since(since))
    return {int(key): QuotaRefusals(int(n), int(last) // 1000) for key, n, last in rows}


@cache
def _quota_refusals() -> Select[Any, int, Any]:
    row = request_log.c
    companyid = func.coalesce(row.companyid, 0).label("company")
    return (
        select(companyid, func.count(), func.max(row.timeaccessed))
        .where(_is_recent(), row.outcome == QUOTA_USED_UP)
        .group_by(companyid.name)
    )


def find_suspects(connection: Connection, *, since: int, failures: int, limit: int) -> Suspects:
    """Find who made `failures` or more failed authentications in a clock hour since `since`; the `limit` worst."""
    rows = connection.execute(_suspects(), {**_since(since), "failures": failures, "most": limit}).all()
    worst = [Suspect(row.source, row.value, int(row.n), int(row.hour) // 1000) for row in rows]
    return Suspects(worst, int(rows[0].addresses), int(rows[0].key_prefixes)) if rows else Suspects([], 0, 0)


@cache
def _suspects() -> Select[Any]:
    row = request_log.c
    hour = (row.timeaccessed - row.timeaccessed % HOUR_MS).label("hour")
    by_hour = union_all(
        *(
            select(literal_column(f"'{source}'").label("source"), column.label("value"), hour, func.count().label("n"))
            .where(_is_recent(), IS_FAILED_AUTH, column != "")
            .group_by(column, hour.name)
            for source, column in (("address", row.ip_address), ("key", row.key_prefix))
        )
    ).subquery()
    of_one = (by_hour.c.source, by_hour.c.value)
    place = func.row_number().over(partition_by=of_one, order_by=(by_hour.c.n.desc(), by_hour.c.hour)).label("place")
    is_many = by_hour.c.n >= bindparam("failures", type_=Integer)
    hours = select(by_hour, place).where(is_many).subquery()
    return (
        select(
            hours,
            func.sum(case((hours.c.source == "address", 1), else_=0)).over().label("addresses"),
            func.sum(case((hours.c.source == "key", 1), else_=0)).over().label("key_prefixes"),
        )
        .where(hours.c.place == 1)
        .order_by(hours.c.n.desc(), hours.c.value, hours.c.source)
        .limit(bindparam("most", type_=Integer))
    )


def list_errors(connection: Connection, *, since: int, limit: int) -> list[ErrorGroup]:
    """Return the kinds of refused requests since `since`, the one seen last first."""
    rows = connection.execute(_errors(), {**_since(since), "most": limit})
    return [
        ErrorGroup(outcome, status, companyid, address, int(n), int(first) // 1000, int(end) // 1000)
        for outcome, status, companyid, address, n, first, end in rows
    ]


@cache
def _errors() -> Select[Any]:
    row = request_log.c
    last = func.max(row.timeaccessed).label("last")
    key = (row.outcome, row.http_status, row.companyid, row.ip_address)
    return (
        select(*key, func.count(), func.min(row.timeaccessed), last)
        .where(_is_recent())
        .group_by(*key)
        .order_by(last.desc(), row.outcome)
        .limit(bindparam("most", type_=Integer))
    )


def find_companies(connection: Connection, companyids: list[int]) -> dict[int, Mapping[str, Any]]:
    """Return names of companies by id."""
    columns = companies.c
    query = select(columns.companyid, columns.shortname, columns.name).where(columns.companyid.in_(companyids))
    return {int(row["companyid"]): dict(row) for row in connection.execute(query).mappings()}


def _since(since: int) -> dict[str, int]:
    return {"since_ms": since * 1000}


def _is_recent() -> ColumnElement[bool]:
    return and_(called_since(bindparam("since_ms", type_=BigInteger)), IS_REFUSED)
