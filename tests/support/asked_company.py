"""A company with a token, asked in this process."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import update

from alx_core.domain.changes import Op
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.tables import api_tokens
from support.api import set_company
from support.in_process import InProcess
from support.table import CompanyTable


@dataclass
class Company:
    """A company with a token, asked in this process."""

    api: InProcess
    table: CompanyTable
    token: str

    def set(self, **values: object) -> None:
        """Change its settings."""
        set_company(self.api.engine, self.table.companyid, **values)

    def rows(self, **parameters: object) -> list[dict[str, Any]]:
        """Ask for a page and return its rows."""
        return self.api.rows(self.token, **parameters)

    def outcome(self, **parameters: object) -> str:
        """Ask for a page and return `ok` or the error code."""
        return self.api.outcome(self.token, **parameters)

    def alter_token(self, **values: object) -> None:
        """Change columns of the token that asked last."""
        with transaction(self.api.engine) as connection:
            connection.execute(update(api_tokens).where(api_tokens.c.id == self.api.last["token_id"]).values(**values))

    def alter(self, **values: object) -> None:
        """Change columns of the company."""
        with transaction(self.api.engine) as connection:
            upsert_company(connection, self.table.companyid, **values)

    def one_more_sync(self) -> None:
        """Let a sync change one row."""
        self.table.sync({min(self.table.live): Op.UPDATE})
