"""How MariaDB and MySQL are connected to, by two drivers that are to do it alike.

PyMySQL asks the small questions, connectorx reads the tables. Each has names and defaults of its own for what counts
here: TLS, the server's socket, and how long a server is waited for that vanished without a word.

TLS is asked for in the URL as of MySQL's own clients, `--ssl-mode`, `--ssl-ca`, `--ssl-cert` and `--ssl-key`
(dev.mysql.com/doc/refman/en/connection-options.html), with a hyphen or an underscore. Without any of them the mode is
PREFERRED, with a CA VERIFY_IDENTITY.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum, auto
from functools import partial
from inspect import signature
from typing import Any, NamedTuple, Self

import pymysql
from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL

from alx_core.errors import SettingsError
from alx_core.store.engine import CONNECT_TIMEOUT_S, GONE_AFTER
from alx_pipeline.moodle.limits import mysql_settings

TLS_OPTIONS = ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key")
OPTIONS = frozenset(signature(pymysql.connect).parameters)
"""What else a URL may set. connectorx knows two of them."""
CHARSET, SOCKET = "charset", "unix_socket"

IDLE_S, INTERVAL_S, COUNT = (GONE_AFTER[f"keepalives_{name}"] for name in ("idle", "interval", "count"))
"""As long as PostgreSQL is waited for. The drivers would wait for hours, or for ever, and in C, where no signal reaches
the run: it would count as cancelled, live on, and hold the writer's lock against every later sync."""

CONNECTORX_LIMITS = {
    "tcp_keepalive_time_ms": str(IDLE_S * 1000),
    "tcp_keepalive_probe_interval_secs": str(INTERVAL_S),
    "tcp_keepalive_probe_count": str(COUNT),
}
"""In the URL, as the Rust crate `mysql` names them."""

SOCKET_OPTIONS = {
    getattr(socket, "TCP_KEEPIDLE", 0x10): IDLE_S,  # macOS calls it TCP_KEEPALIVE
    socket.TCP_KEEPINTVL: INTERVAL_S,
    socket.TCP_KEEPCNT: COUNT,
}


class Mode(StrEnum):
    """MySQL's `--ssl-mode`."""

    DISABLED = auto()
    PREFERRED = auto()
    REQUIRED = auto()
    VERIFY_CA = auto()
    VERIFY_IDENTITY = auto()


class Tls(NamedTuple):
    """How a server is to be talked to. Without `ca`, the system's certificates are trusted."""

    mode: Mode
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, url: URL) -> Self:
        """Read the options of a URL. Raises SettingsError: there are no such options, or no such mode."""
        options = {name.replace("_", "-"): value for name, value in url.query.items() if name.startswith("ssl")}
        if unknown := sorted(options.keys() - set(TLS_OPTIONS)):
            raise SettingsError(
                f"ALX_MOODLE_URL: TLS is set by {', '.join(TLS_OPTIONS)}, not by {unknown[0]}. ssl-mode=REQUIRED "
                "encrypts; ssl-mode=VERIFY_IDENTITY checks the server too, with ssl-ca by a certificate of your own."
            )
        mode, ca, cert, key = (options.get(name) for name in TLS_OPTIONS)
        if key and not cert:
            raise SettingsError("ALX_MOODLE_URL: ssl-key needs ssl-cert, the certificate that it is the key of.")
        named = str(mode or (Mode.VERIFY_IDENTITY if ca else Mode.PREFERRED)).lower()
        if named not in {*Mode}:
            raise SettingsError(f"ALX_MOODLE_URL: ssl-mode is one of {', '.join(each.name for each in Mode)}.")
        return cls(Mode(named), *(None if each is None else str(each) for each in (ca, cert, key)))

    def context(self) -> ssl.SSLContext:
        """Return what Python needs to encrypt. Raises SettingsError: a file is not there or holds something else."""
        is_verified = self.mode in (Mode.VERIFY_CA, Mode.VERIFY_IDENTITY)
        with _reading("ssl-ca", self.ca):
            if self.ca or is_verified:
                context = ssl.create_default_context(cafile=self.ca)
            else:  # the system's certificates take 25 ms to load
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.cert:
            with _reading("ssl-cert", self.cert):
                context.load_cert_chain(self.cert, self.key, password="")  # else it would ask at the terminal, for ever
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the certificates that a server makes for itself fail it
        context.check_hostname = self.mode == Mode.VERIFY_IDENTITY
        if not is_verified:
            context.verify_mode = ssl.CERT_NONE
        return context


@contextmanager
def _reading(option: str, file: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"ALX_MOODLE_URL: {option} {file} can't be used ({error.strerror or error}). ssl-ca, ssl-cert and ssl-key "
            "name PEM files; a key has no pass phrase."
        ) from error


def make_mysql_engine(url: URL) -> Engine:
    """Make an engine that connects by PyMySQL. Raises SettingsError: an option that nobody knows, or its file."""
    tls = Tls.of(url)
    others = {name: value for name, value in url.query.items() if not name.startswith("ssl")}
    if unknown := sorted(others.keys() - OPTIONS):
        raise SettingsError(f"ALX_MOODLE_URL: there is no option {unknown[0]}.")
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S}
    if url.password:
        arguments["password"] = str(url.password).encode()  # PyMySQL itself would send Latin-1
    if tls.mode == Mode.DISABLED:
        arguments["ssl_disabled"] = True
    else:
        arguments["ssl"] = tls.context()
    plain = url.set(query=others)
    engine = create_engine(plain, pool_pre_ping=True, connect_args=arguments, hide_parameters=True)
    if tls.mode == Mode.PREFERRED:
        event.listen(engine, "do_connect", _connect_preferring_tls)
    event.listen(engine, "connect", _limit_silence)
    event.listen(engine, "connect", partial(_limit_statements, engine.dialect))
    return engine


def connectorx_url(url: URL, *, is_encrypted: bool) -> str | None:
    """Return the URL in the form of connectorx; None: it does not know all options of `url`.

    `is_encrypted`: whether PyMySQL's connection is, for connectorx does not fall back where a server has no TLS.
    """
    tls = Tls.of(url)
    options = dict(CONNECTORX_LIMITS)
    if tls.cert or any(not name.startswith("ssl") and name not in (CHARSET, SOCKET) for name in url.query):
        return None
    if SOCKET in url.query:
        options["socket"] = str(url.query[SOCKET])
    mode = tls.mode if tls.mode != Mode.PREFERRED else Mode.REQUIRED if is_encrypted else Mode.DISABLED
    options["ssl-mode"] = mode
    if tls.ca:
        options["ssl-ca"] = tls.ca
    return url.set(drivername="mysql", query=options).render_as_string(hide_password=False)


def is_tls_socket(connection: Connection) -> bool:
    """Whether a connection of PyMySQL is over TLS. The server's own view may be that of a proxy's other side."""
    driver: Any = connection.connection.driver_connection
    return isinstance(driver._sock, ssl.SSLSocket)  # noqa: SLF001  # it does not say it otherwise


def _connect_preferring_tls(dialect: Dialect, _record: object, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Connect over TLS where the server speaks it.

    So does PyMySQL by itself, but for each connection it loads certificates, 25 ms, by which it checks nothing.
    """
    connection: Any = dialect.loaded_dbapi.connect(*args, **kwargs, defer_connect=True)
    connection._ssl_required = False  # noqa: SLF001  # it has no option for this
    connection.connect()
    return connection


def _limit_statements(dialect: Dialect, connection: Any, _record: object) -> None:
    """Set the limits of a new session. Which server it is, SQLAlchemy has asked before it tells of the connection."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION {mysql_settings(is_mariadb=bool(getattr(dialect, 'is_mariadb', False)))}")


def _limit_silence(connection: Any, _record: object) -> None:
    """Set the limits on a new connection of PyMySQL, which itself only switches keep-alive on."""
    made: socket.socket = connection._sock  # noqa: SLF001  # it has no option for these
    if made.family in (socket.AF_INET, socket.AF_INET6):
        for option, value in SOCKET_OPTIONS.items():
            made.setsockopt(socket.IPPROTO_TCP, option, value)
