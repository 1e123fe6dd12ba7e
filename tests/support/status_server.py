"""The status page on a real port, over any reporting database and at any time of day.

python -m support.status_server DATABASE_URL [PORT]     (from tests/, for looking at it)
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import falcon
from sqlalchemy import Connection

from alx_core.settings import Settings
from api_server.database import Database
from api_server.status.routes import add_status_routes


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """One thread per request."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Says nothing on stderr."""

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class StatusServer:
    """A running server."""

    url: str
    settings: Settings


class BriefDatabase(Database):
    """Keeps no connection: the threads of this server, and the apps of tests, come and go without closing theirs."""

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield a connection for this block alone."""
        try:
            with super().connection() as connection:
                yield connection
        finally:
            self.close()


def make_status_app(settings: Settings, clock: Callable[[], float] = time.time) -> Any:
    """An app that has nothing but the status page."""
    app: Any = falcon.App()
    add_status_routes(app, database=BriefDatabase(settings.database), settings=settings, clock=clock)
    return app


def make_settings(database_url: str, **overrides: Any) -> Settings:
    """Settings that no environment and no file disturbs."""
    return Settings(_env_file=None, **{"database_url": database_url, "home": Path("var"), **overrides})


@contextmanager
def serving(
    settings: Settings, clock: Callable[[], float] = time.time, *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[StatusServer]:
    """Serve until the end of the block."""
    app = make_status_app(settings, clock)
    server = make_server(host, port, app, server_class=ThreadingServer, handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield StatusServer(f"http://{host}:{server.server_port}", settings)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with serving(make_settings(sys.argv[1]), port=int(sys.argv[2]) if len(sys.argv) > 2 else 8099) as running:
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
