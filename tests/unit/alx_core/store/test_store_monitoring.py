"""Refused requests and tokens as the status page asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, text

from alx_core.store.engine import connect, transaction
from alx_core.store.monitoring import refusals
from alx_core.store.monitoring.refusals import FailedAuth, QuotaRefusals, Suspect, Suspects
from alx_core.store.monitoring.security import TokenCounts, count_tokens
from alx_core.store.status_logins import PERIOD_S, count_attempt, forget_attempts
from alx_core.store.tables import api_tokens, companies
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.requests import HOUR, log_requests, make_refusal, make_request
from support.status_site import make_company

DAY_AGO = HOUR - 86_400


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A log with failed authentications, refusals for the quota, and answered requests around them."""
    with migrated_engine(request.param, tmp_path_factory.mktemp("log")) as made:
        log_requests(
            made,
            [
                *(
                    make_refusal(at=HOUR + number, ip_address="192.0.2.9", key_prefix=f"k{number}")
                    for number in range(12)
                ),
                *(
                    make_refusal(at=HOUR + 3_600 * number, ip_address="192.0.2.8", key_prefix="same")
                    for number in range(9)
                ),
                make_refusal(at=DAY_AGO - 1, ip_address="192.0.2.7"),
                make_request(at=HOUR, outcome="accessexception"),  # a right key, a wrong function
                *(make_request(at=HOUR + number, companyid=5, outcome="ratelimitexceeded") for number in range(3)),
                *(make_request(at=HOUR + number) for number in range(300)),
            ],
        )
        yield made


def test_a_right_key_that_asks_for_a_wrong_function_is_no_failed_authentication(engine: Engine) -> None:
    with connect(engine) as connection:
        assert refusals.count_failed_auth(connection, since=DAY_AGO) == FailedAuth(21, 2)


def test_refusals_for_the_quota_are_counted_by_company_with_the_last_one(engine: Engine) -> None:
    with connect(engine) as connection:
        assert refusals.count_quota_refusals(connection, since=DAY_AGO) == {5: QuotaRefusals(3, HOUR + 2)}


def test_failures_of_many_hours_are_no_burst(engine: Engine) -> None:
    with connect(engine) as connection:
        found = refusals.find_suspects(connection, since=DAY_AGO, failures=10, limit=20)
    assert found == Suspects([Suspect("address", "192.0.2.9", 12, HOUR)], addresses=1, keys=0)


def test_a_suspect_is_named_once_with_the_busiest_hour(tmp_path: Path, engine: Engine) -> None:
    with migrated_engine(engine.dialect.name, tmp_path) as made:
        log_requests(made, (make_refusal(at=HOUR + 3_600 * n // 2, key_prefix="") for n in (0, 1, 2, 3, 3, 4)))
        with connect(made) as connection:
            found = refusals.find_suspects(connection, since=DAY_AGO, failures=1, limit=20)
    assert found == Suspects([Suspect("address", "192.0.2.1", 3, HOUR + 3_600)], addresses=1, keys=0)


def test_of_many_suspects_the_worst_are_named_and_all_are_counted(tmp_path: Path, engine: Engine) -> None:
    with migrated_engine(engine.dialect.name, tmp_path) as made:
        sources = ((f"192.0.2.{n}", f"k{n % 4}") for n in range(8) for _ in range(n))
        log_requests(made, (make_refusal(ip_address=address, key_prefix=key) for address, key in sources))
        with connect(made) as connection:
            found = refusals.find_suspects(connection, since=DAY_AGO, failures=2, limit=3)
    assert [(each.value, each.failures) for each in found.worst] == [("k3", 10), ("k2", 8), ("192.0.2.7", 7)]
    assert (found.addresses, found.keys) == (6, 4)


def test_errors_are_grouped_and_the_last_seen_comes_first(engine: Engine) -> None:
    with connect(engine) as connection:
        found = refusals.list_errors(connection, since=DAY_AGO, limit=20)
        assert refusals.list_errors(connection, since=DAY_AGO, limit=2) == found[:2]
    assert [(each.outcome, each.companyid, each.calls) for each in found] == [
        ("invalidtoken", None, 9),
        ("invalidtoken", None, 12),
        ("ratelimitexceeded", 5, 3),
        ("accessexception", 1, 1),
    ]
    assert (found[0].first_at, found[0].last_at) == (HOUR, HOUR + 8 * 3_600)


def test_refused_requests_are_found_by_their_own_index_never_by_reading_the_log(engine: Engine) -> None:
    statements: list[tuple[str, object]] = []

    def note(*arguments: object) -> None:
        if str(arguments[2]).startswith("SELECT"):
            statements.append((str(arguments[2]), arguments[3]))

    event.listen(engine, "before_cursor_execute", note)
    with connect(engine) as connection:
        refusals.count_failed_auth(connection, since=DAY_AGO)
        refusals.count_quota_refusals(connection, since=DAY_AGO)
        refusals.find_suspects(connection, since=DAY_AGO, failures=10, limit=20)
        refusals.list_errors(connection, since=DAY_AGO, limit=20)
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    with connect(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # three hundred rows fit into few blocks
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        cursor = connection.connection.cursor()
        for statement, values in statements:
            cursor.execute(explain + statement, values)
            plan = "\n".join(str(row) for row in cursor.fetchall())
            assert "local_alx_api_logs_errors_ix" in plan, plan


def test_tokens_are_counted_by_what_would_become_of_a_call(engine: Engine) -> None:
    token = {
        "prefix": "alx_", "name": "x", "companyid": 1, "source": "alx", "owner_state": "active", "allowed_networks": "",
        "created_at": 0, "expires_at": None, "revoked_at": None, "last_used_at": HOUR,
    }  # fmt: skip
    kinds: list[dict[str, object]] = [
        {},
        {"last_used_at": None},
        {"expires_at": HOUR + 10},
        {"expires_at": HOUR + 10_000},
        {"expires_at": HOUR - 1},
        {"revoked_at": HOUR - 1},
        {"revoked_at": HOUR - 1, "expires_at": HOUR - 1},
        {"owner_state": "suspended"},
        {"companyid": None},
        {"companyid": 2},
        {"companyid": 3},
        {"companyid": 4},
    ]
    known = [make_company(1), make_company(2, suspended=1), make_company(3, is_deleted=1)]
    with transaction(engine) as connection:
        connection.execute(insert(companies), known)
        connection.execute(
            insert(api_tokens), [{**token, "token_hash": str(n), **kind} for n, kind in enumerate(kinds)]
        )
        found = count_tokens(connection, now=HOUR, expiring_before=HOUR + 100)
    assert found == TokenCounts(active=4, expired=1, revoked=2, blocked=5, expiring=1, never_used=1, without_expiry=2)


def test_attempts_count_by_address_and_quarter_of_an_hour(engine: Engine) -> None:
    start = HOUR - HOUR % PERIOD_S
    with transaction(engine) as connection:
        assert [count_attempt(connection, "a", now=start + second) for second in (0, 1, PERIOD_S - 1)] == [1, 2, 3]
        assert count_attempt(connection, "b", now=start) == 1
        assert count_attempt(connection, "a", now=start + PERIOD_S) == 1
        forget_attempts(connection, "a")
        assert count_attempt(connection, "a", now=start + PERIOD_S) == 1


def test_addresses_that_stopped_trying_are_forgotten(engine: Engine) -> None:
    start = HOUR - HOUR % PERIOD_S
    with transaction(engine) as connection:
        for number in range(5):
            count_attempt(connection, f"c{number}", now=start)
        count_attempt(connection, "new", now=start + PERIOD_S)
        kept = connection.execute(
            text("SELECT count(*) FROM status_logins WHERE period < :now"), {"now": start + PERIOD_S}
        )
        assert kept.scalar_one() == 0
