"""The numbers among the settings: each has an end, and where all stand at theirs everything still works."""

from collections.abc import Callable, Iterator
from typing import Any

import falcon.testing
import pytest
from sqlalchemy import Engine

from alx_core.services.alert_watch import watch_api, watch_callers, watch_freshness, watch_unusual
from alx_core.settings import Settings
from api_server.status.address import Tab
from support.highest import bound_above, highest_settings, numeric_settings
from support.load_settings import Load, refusal
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.status_server import make_settings, make_status_app
from support.status_site import fill

NOW = 1_795_507_200 + 1_800
LOCAL = {"Host": "127.0.0.1:8000"}
NO_NUMBER_OF_THINGS = ("inf", "-inf", "Infinity", "nan", "1e999")


@pytest.mark.parametrize("name", numeric_settings())
def test_a_number_may_be_as_high_as_its_bound_and_no_higher(load: Load, name: str) -> None:
    bound, variable = bound_above(numeric_settings()[name]), f"ALX_{name.upper()}"
    assert bound is not None, f"{name} has none"
    assert getattr(load(**{variable: f"{bound}"}), name) == bound
    for higher in (f"{bound + 1}", "1" + 30 * "0"):
        assert f"less than or equal to {bound}" in refusal(load, variable, higher)


@pytest.mark.parametrize("value", NO_NUMBER_OF_THINGS)
@pytest.mark.parametrize("name", numeric_settings())
def test_a_number_that_is_infinite_or_none_is_refused(load: Load, name: str, value: str) -> None:
    variable = f"ALX_{name.upper()}"
    assert variable in refusal(load, variable, value)


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def week(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("week")) as engine:
        fill(engine, NOW)
        yield engine


@pytest.fixture
def highest(week: Engine) -> Settings:
    return make_settings(week.url.render_as_string(hide_password=False), **highest_settings())


@pytest.mark.parametrize("tab", Tab)
def test_every_tab_is_shown_when_all_numbers_are_at_their_highest(highest: Settings, tab: Tab) -> None:
    client = falcon.testing.TestClient(make_status_app(highest, lambda: NOW), headers=LOCAL)
    for path in (f"/status?tab={tab}", f"/status/data/{tab}"):
        answer = client.simulate_get(path)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("watch", [watch_api, watch_callers, watch_freshness, watch_unusual])
def test_every_watch_is_kept_when_all_numbers_are_at_their_highest(
    week: Engine, highest: Settings, watch: Callable[..., Any]
) -> None:
    watch(week, highest, now=NOW)
