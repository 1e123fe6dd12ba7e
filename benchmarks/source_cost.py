"""What a sync costs Moodle's database: rows read, bytes sent, statement time, and its longest open transaction.

The server's own counters. PostgreSQL does not count bytes: there a relay in between does. MariaDB does, and has to:
connectorx goes on over the server's Unix socket when it can.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL

POLL_S = 0.05
SETTLE_S = 1.5
"""PostgreSQL's backends hand in their counters a second after they went idle, or when they end."""

COUNTERS = {
    "postgresql": "SELECT tup_returned, active_time / 1000, 0 FROM pg_stat_database WHERE datname = current_database()",
    "mysql": "SELECT coalesce(sum(rows_read), 0), coalesce(sum(busy_time), 0), coalesce(sum(bytes_sent), 0)"
    " FROM information_schema.user_statistics",
}
LONGEST = {
    "postgresql": "SELECT max(extract(epoch FROM clock_timestamp() - xact_start)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    "mysql": "SELECT max(time_ms) / 1000 FROM information_schema.processlist"
    " WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command IN ('Query', 'Execute')",
}


@dataclass
class Cost:
    """Filled in when the measured block has ended."""

    rows_read: int = 0
    bytes_sent: int = 0
    statement_s: float = 0
    longest_transaction_s: float = 0


@contextmanager
def metered(moodle: Engine) -> Iterator[tuple[URL, Cost]]:
    """Yield the URL through which to read Moodle, and the cost of what goes through it."""
    cost = Cost()
    kind = moodle.dialect.name
    is_over = threading.Event()
    with _user_statistics(moodle), relay(moodle.url, cost) as url:
        before = _counters(moodle)
        watcher = threading.Thread(target=_watch, args=(moodle, LONGEST[kind], cost, is_over.is_set))
        watcher.start()
        try:
            yield url, cost
        finally:
            is_over.set()
            watcher.join()
        time.sleep(SETTLE_S)
        rows, seconds, sent = (after - earlier for after, earlier in zip(_counters(moodle), before, strict=True))
        cost.rows_read, cost.statement_s = int(rows), seconds
        cost.bytes_sent = int(sent) or cost.bytes_sent


def _counters(moodle: Engine) -> list[float]:
    with moodle.connect() as connection:
        return [float(each) for each in connection.execute(text(COUNTERS[moodle.dialect.name])).one()]


@contextmanager
def _user_statistics(moodle: Engine) -> Iterator[None]:
    """MariaDB counts by user only when told to (needs SUPER)."""
    if moodle.dialect.name != "mysql":
        yield
        return
    with moodle.connect() as connection:
        before = connection.scalar(text("SELECT @@GLOBAL.userstat"))
        connection.execute(text("SET GLOBAL userstat = 1"))
        try:
            yield
        finally:
            connection.execute(text(f"SET GLOBAL userstat = {before}"))


def _watch(moodle: Engine, query: str, cost: Cost, is_over: Callable[[], bool]) -> None:
    with moodle.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not is_over():
            seconds = connection.scalar(text(query))
            cost.longest_transaction_s = max(cost.longest_transaction_s, float(seconds or 0))
            time.sleep(POLL_S)


@contextmanager
def relay(url: URL, cost: Cost) -> Iterator[URL]:
    """Pass bytes on between a port of its own and the server of `url`, counting those that the server sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, (url.host, url.port), cost), daemon=True).start()
        yield url.set(host="127.0.0.1", port=listener.getsockname()[1])


def _accept(listener: socket.socket, server: tuple[str | None, int | None], cost: Cost) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # closed: the measurement is over
            return
        upstream = socket.create_connection((server[0] or "127.0.0.1", server[1] or 0))
        for source, target, counts in ((client, upstream, False), (upstream, client, True)):
            threading.Thread(target=_pump, args=(source, target, cost if counts else None), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, cost: Cost | None) -> None:
    try:
        while data := source.recv(1 << 18):
            target.sendall(data)
            if cost is not None:
                cost.bytes_sent += len(data)
    except OSError:
        pass
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
