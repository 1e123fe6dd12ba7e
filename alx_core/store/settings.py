"""The companies' settings as they are stored: texts by name."""

import secrets
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from alx_core.domain.company_settings import EVERY_COMPANY
from alx_core.store.companies import lock_companies
from alx_core.store.engine import insert_into
from alx_core.store.tables import companies, company_settings


def load_settings_of(connection: Connection, companyid: int) -> dict[str, str]:
    """Return what is set for one company (EVERY_COMPANY: for all), without defaults."""
    row = company_settings.c
    query = select(row.setting_name, row.setting_value).where(row.companyid == companyid)
    return {name: value for name, value in connection.execute(query)}  # noqa: C416  # a Row is no tuple to mypy


def load_every_setting(connection: Connection) -> dict[int, dict[str, str]]:
    """Return all that is set, by company (EVERY_COMPANY: for all), without defaults."""
    row, found = company_settings.c, defaultdict[int, dict[str, str]](dict)
    for companyid, name, value in connection.execute(select(row.companyid, row.setting_name, row.setting_value)):
        found[companyid][name] = value
    return dict(found)


def save_settings_of(connection: Connection, companyid: int, values: Mapping[str, str | None], *, now: int) -> None:
    """Write settings (None takes one away) and move the version of every company they touch."""
    row = company_settings.c
    for name, value in values.items():
        if value is None:
            connection.execute(delete(company_settings).where(row.companyid == companyid, row.setting_name == name))
            continue
        new = {"setting_value": value, "timemodified": now}
        statement = insert_into(connection, company_settings).values(companyid=companyid, setting_name=name, **new)
        connection.execute(statement.on_conflict_do_update(index_elements=["companyid", "setting_name"], set_=new))
    version = {"settings_version": companies.c.settings_version + 1, "cache_id": secrets.token_hex(8)}
    touched = update(companies).values(version)
    if companyid != EVERY_COMPANY:
        connection.execute(touched.where(companies.c.companyid == companyid))
        return
    lock_companies(connection)
    connection.execute(touched)
