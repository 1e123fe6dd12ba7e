"""Tokens, quotas and open alerts as the status page shows them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
)

from alx_core.domain.alerts import AlertName
from alx_core.domain.company_settings import EVERY_COMPANY
from alx_core.store.alerts import WORST_FIRST
from alx_core.store.tables import IS_NOT_RESOLVED, alerts, api_tokens, api_usage, companies, company_settings

LIMIT_SETTING = "rate_limit"


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens by how they stand. `active` ones would be let in; the last three are among these."""

    active: int
    expired: int
    revoked: int
    blocked: int
    """Moodle would not let the owner in, or there is no company, or it is suspended or gone."""
    expiring: int
    never_used: int
    without_expiry: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A company's calls of the day that count against its quota; the limits are texts as they were set, or None."""

    companyid: int
    name: str
    shortname: str
    calls: int
    own_limit: str | None
    common_limit: str | None


def count_tokens(connection: Connection, *, now: int, expiring_before: int) -> TokenCounts:
    """Count the tokens."""
    bounds = {"now": now, "expiring_before": expiring_before}
    return TokenCounts(*map(int, connection.execute(_tokens(), bounds).one()))


@cache
def _tokens() -> Executable:
    row, now = api_tokens.c, bindparam("now", type_=BigInteger)
    is_revoked = row.revoked_at.is_not(None)
    is_expired = and_(row.revoked_at.is_(None), row.expires_at < now)
    is_alive = and_(row.revoked_at.is_(None), or_(row.expires_at.is_(None), row.expires_at >= now))
    # As `domain.token_state.describe_state` says it.
    has_company = and_(func.coalesce(companies.c.is_deleted, 1) == 0, companies.c.suspended == 0)
    is_welcome = and_(row.owner_state == "active", has_company)
    is_active = and_(is_alive, is_welcome)
    counts = (
        is_active,
        is_expired,
        is_revoked,
        and_(is_alive, ~is_welcome),
        and_(is_active, row.expires_at <= bindparam("expiring_before", type_=BigInteger)),
        and_(is_active, row.last_used_at.is_(None)),
        and_(is_active, row.expires_at.is_(None)),
    )
    source = api_tokens.outerjoin(companies, companies.c.companyid == row.companyid)
    return select(*(_count(condition) for condition in counts)).select_from(source)


def list_usage(connection: Connection, *, day: str, companyids: list[int] | None = None) -> list[Usage]:
    """Return what the companies used of their quota on `day`: all that called, or those named."""
    values: dict[str, object] = {"day": day}
    if companyids is not None:
        values["companyids"] = companyids
    rows = connection.execute(_usage(is_named=companyids is not None), values)
    return [Usage(int(row[0]), row[1], row[2], int(row[3]), row[4], row[5]) for row in rows]


@cache
def _usage(*, is_named: bool) -> Select[Any]:
    own, common = company_settings.alias("own"), company_settings.alias("common")
    day = bindparam("day", type_=String)
    return (
        select(
            companies.c.companyid,
            companies.c.name,
            companies.c.shortname,
            func.coalesce(api_usage.c.calls, 0),
            own.c.setting_value,
            common.c.setting_value,
        )
        .select_from(companies)
        .outerjoin(api_usage, and_(api_usage.c.companyid == companies.c.companyid, api_usage.c.day == day))
        .outerjoin(own, and_(own.c.companyid == companies.c.companyid, own.c.setting_name == LIMIT_SETTING))
        .outerjoin(common, and_(common.c.companyid == EVERY_COMPANY, common.c.setting_name == LIMIT_SETTING))
        .where(
            companies.c.companyid.in_(bindparam("companyids", expanding=True)) if is_named else api_usage.c.calls > 0
        )
    )


def list_open_alerts(
    connection: Connection, *, limit: int, names: Collection[AlertName] | None = None
) -> list[Mapping[str, Any]]:
    """Return the incidents that are not over, of all alerts or of these, worst and oldest first; each with `total`, how
    many there are, and `unusual`, how many of them are `unusual_activity`."""
    given = {"most": limit} if names is None else {"most": limit, "names": [each.value for each in names]}
    statement = _open_alerts(is_named=names is not None)
    return [dict(found) for found in connection.execute(statement, given).mappings()]


@cache
def _open_alerts(*, is_named: bool) -> Select[Any]:
    row = alerts.c
    is_unusual = case((row.alert == AlertName.UNUSUAL_ACTIVITY.value, 1), else_=0)
    return (
        select(
            alerts,
            companies.c.name.label("company"),
            func.count().over().label("total"),
            func.sum(is_unusual).over().label("unusual"),
        )
        .outerjoin(companies, companies.c.companyid == row.companyid)
        .where(IS_NOT_RESOLVED, row.alert.in_(bindparam("names", expanding=True)) if is_named else true())
        .order_by(WORST_FIRST, row.opened_at, row.id)
        .limit(bindparam("most", type_=Integer))
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
