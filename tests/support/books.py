"""The book of syncs, read back."""

from typing import Any

from sqlalchemy import Connection, select

from alx_core.store.tables import sync_run_companies


def companies_of(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    """Return what a run did for each company, by companyid."""
    query = (
        select(sync_run_companies).where(sync_run_companies.c.run_id == run_id).order_by(sync_run_companies.c.companyid)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
