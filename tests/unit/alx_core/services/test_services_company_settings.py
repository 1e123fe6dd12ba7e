"""What holds for a company: its own settings, those of all, the defaults."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from alx_core.domain.company_settings import EVERY_COMPANY, resolve
from alx_core.services.company_settings import settings_in_force
from alx_core.store.settings import load_settings_of, save_settings_of

SET: dict[int, dict[str, str | None]] = {
    EVERY_COMPANY: {"rate_limit": "50", "max_records": "200", "no_such_setting": "1"},
    1: {"rate_limit": "7", "field_email": "0", "course_3": "0"},
    2: {"max_records": "not a number"},
}


@pytest.fixture
def queries(reporting_engine: Engine) -> list[str]:
    """The queries of the reporting database from here on."""
    noted: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: Any) -> None:
        noted.extend([statement] if statement.startswith("SELECT") else [])

    event.listen(reporting_engine, "before_cursor_execute", note)
    return noted


@pytest.mark.parametrize("common", [True, False])
def test_of_each_company_the_same_holds_as_when_it_is_asked_for_alone(reporting_engine: Engine, common: bool) -> None:
    with reporting_engine.begin() as connection:
        for companyid, values in SET.items():
            if common or companyid != EVERY_COMPANY:
                save_settings_of(connection, companyid, values, now=1)
        found = settings_in_force(connection)
        for_all = load_settings_of(connection, EVERY_COMPANY)
        for companyid in (1, 2, 3):
            assert found(companyid) == resolve(load_settings_of(connection, companyid), for_all)
    assert [found(each).rate_limit for each in (1, 2, 3)] == ([7, 50, 50] if common else [7, 100, 100])


def test_they_are_read_once_for_however_many_companies(reporting_engine: Engine, queries: list[str]) -> None:
    with reporting_engine.begin() as connection:
        found = settings_in_force(connection)
        assert {found(each).rate_limit for each in range(1, 100)} == {100}
    assert len(queries) == 1
