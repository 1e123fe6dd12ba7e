"""Paged reads while syncs commit between any two pages: random histories against a model, on both databases."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine

from alx_core.domain.company_settings import SyncMode
from alx_core.domain.paging import IDLE_S, LAST_CALL_S, SESSION_S, SNAPSHOT_KEPT_S, TOUCH_S
from alx_core.store.engine import transaction
from alx_core.store.retention import purge_history
from support.reads import Client, Company, FakeClock, Worker, make_settings, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

keys = st.tuples(st.integers(1, 9), st.integers(1, 2))
clients = st.integers(0, 2)
workers = st.integers(0, 1)
EXAMPLES = {"sqlite": 60, "postgresql": 15}


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("reads")) as made:
        yield made


class Reads(RuleBasedStateMachine):
    """A company that is synced, and clients that read it, in any order."""

    engine: Engine
    one_token = False
    """Whether all clients use one token and one limit, so that their reads share a session."""
    can_be_slow = True

    @initialize(
        data=st.data(), rows=st.dictionaries(keys, st.text("ab", max_size=2), max_size=12), limit=st.integers(1, 5)
    )
    def begin(self, data: st.DataObject, rows: dict[tuple[int, int], str], limit: int) -> None:
        self.clock = FakeClock()
        self.company = Company(self.engine, self.clock, rows=dict(rows))
        self.company.sync()
        self.connections = [self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") for _ in range(2)]
        self.workers = [Worker(each, self.clock) for each in self.connections]
        self.clients = [self._client(data, limit) for _ in range(3)]
        if self.one_token:
            self.clients = [
                Client(self.clients[0].token, self.clients[0].limit, self.clients[0].settings) for _ in range(3)
            ]

    def _client(self, data: st.DataObject, limit: int) -> Client:
        mode = data.draw(st.sampled_from(SyncMode), label="mode")
        cache = data.draw(st.integers(0, 1), label="cache_enabled")
        token = make_token(self.engine, self.company.companyid)
        return Client(
            token,
            data.draw(st.sampled_from([limit, limit + 1])),
            make_settings(sync_mode=mode.value, cache_enabled=cache, sync_window_hours=1),
        )

    @rule(key=keys, name=st.text("abc", max_size=2))
    def moodle_changes_a_row(self, key: tuple[int, int], name: str) -> None:
        self.company.rows[key] = name

    @rule(key=keys)
    def moodle_loses_a_row(self, key: tuple[int, int]) -> None:
        self.company.rows.pop(key, None)

    @rule()
    def sync(self) -> None:
        self.company.sync()

    @rule()
    def a_sync_fails(self) -> None:
        self.company.sync(is_failing=True)

    @rule(key=keys, name=st.text("abc", max_size=2))
    def one_row_is_synced(self, key: tuple[int, int], name: str) -> None:
        self.company.rows[key] = name
        self.company.sync()

    @rule()
    def history_is_purged(self) -> None:
        with transaction(self.engine) as connection:
            purge_history(connection, before=int(self.clock.now) - SNAPSHOT_KEPT_S)

    @rule(seconds=st.sampled_from([0.1, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        for client in self.clients:
            if client.is_reading and self._shows_end(client) and self.clock.now - client.asked_at >= LAST_CALL_S:
                client.abort()  # it seems to have stopped at a full last page: others may begin anew

    @precondition(lambda self: self.can_be_slow)
    @rule(seconds=st.sampled_from([8, 40, 1700, 3599, 7000, 7 * 3600]))
    def much_time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        for client in self.clients:
            if self.clock.now - client.asked_at >= SESSION_S - TOUCH_S or self.clock.now - client.began_at >= 4 * 3600:
                client.abort()  # too late to go on: the client has to begin again

    @rule(client=clients, worker=workers)
    def a_page_is_read(self, client: int, worker: int) -> None:
        reading = self.clients[client]
        rows = reading.step(self.workers[worker])
        if rows is not None:
            self._check(reading, rows)

    @rule(client=clients, worker=workers)
    def a_whole_read(self, client: int, worker: int) -> None:
        reading = self.clients[client]
        rows = reading.read(self.workers[worker])
        self._check(reading, rows)

    @precondition(lambda self: any(each.is_reading for each in self.clients))
    @rule(client=clients, worker=workers, data=st.data())
    def a_page_is_read_again(self, client: int, worker: int, data: st.DataObject) -> None:
        reading = self.clients[client]
        if reading.is_reading:
            # After IDLE_S, and soon after its end, the first page is that of a new read.
            is_quick = self.clock.now - reading.asked_at < IDLE_S - TOUCH_S and not self._shows_end(reading)
            page = data.draw(st.integers(0 if is_quick else min(1, len(reading.pages) - 1), len(reading.pages) - 1))
            if page or is_quick:
                reading.asked_at = self.clock.now
                assert reading.ask(self.workers[worker], page).page.plain == reading.pages[page]

    def _shows_end(self, client: Client) -> bool:
        assert client.session is not None
        return len(client.pages) * client.limit >= len(self.company.expected(client.session))

    @rule(client=clients)
    def a_client_gives_up(self, client: int) -> None:
        self.clients[client].abort()

    def _check(self, client: Client, rows: list[tuple[int, int, str]]) -> None:
        assert client.session is not None
        assert rows == self.company.expected(client.session)
        if not self.one_token:
            live = self.company.published[client.session.snapshot_seq]
            assert live.items() <= {k: (n, live[k][1]) for k, n in client.copy.items() if k in live}.items()

    def teardown(self) -> None:
        for connection in getattr(self, "connections", []):
            connection.close()


def explore(machine: type[Reads], engine: Engine) -> None:
    machine.engine = engine
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[engine.dialect.name],
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
            deadline=None,
        ),
    )


@pytest.mark.slow
def test_reads_are_complete_and_their_pages_the_same_again_whatever_syncs(engine: Engine) -> None:
    class OwnTokens(Reads):
        pass

    explore(OwnTokens, engine)


@pytest.mark.slow
def test_reads_of_one_token_side_by_side_are_all_complete(engine: Engine) -> None:
    class OneToken(Reads):
        one_token = True
        can_be_slow = False

    explore(OneToken, engine)
