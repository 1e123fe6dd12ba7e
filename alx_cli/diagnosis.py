"""What `alx doctor` looks at, one finding each. Nothing here changes anything."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from alx_cli.home import require_home
from alx_cli.output import ago
from alx_cli.ports import EVERY_ADDRESS
from alx_core.domain.clocks import CLOCKS_APART_S
from alx_core.domain.freshness import HOUR_S, is_overdue, next_sync_at
from alx_core.domain.messages import LONGEST_RETRY_S, DeliveryState
from alx_core.env_files import env_files
from alx_core.errors import AlxError
from alx_core.faults import explain
from alx_core.private_files import open_to_others
from alx_core.services.metrics import late_hours
from alx_core.settings import Settings, find_misspelt, load_settings, split_bind, split_list
from alx_core.store.engine import connect, is_encrypted, make_engine, shown, transaction
from alx_core.store.outbox import list_troubled
from alx_core.store.poolers import require_no_pooler
from alx_core.store.runs import latest_runs, running_since
from alx_core.store.schema import HEAD, current_revision, may_create, require_current, require_writable

REDIS_TIMEOUT_S = 2
LATE_S = LONGEST_RETRY_S + 300
"""A message is late when it waits longer than the longest pause between two tries. One that waits because its channel
asked for more patience (`Retry-After`, up to an hour) is late too, and its error says why."""
ABANDONED_SHOWN_S = 7 * 86_400
UNCOUNTED_AFTER_S = 1_800
"""An hour is counted six minutes after its end; half an hour is late."""
DAY_S = 24 * HOUR_S
LONGEST_CAUSE = 400
"""Characters of what a sync failed of; `alx status` shows all of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is fine, and what was seen or has to be done."""

    check: str
    ok: bool
    detail: str


def diagnose() -> Iterator[Finding]:
    """Yield the findings in the order in which a person would mend them."""
    try:
        settings = load_settings()
    except AlxError as error:
        yield Finding("settings", False, str(error))
        return
    yield Finding("settings", True, f"home {settings.home.absolute()}")
    for name, meant in find_misspelt().items():
        yield Finding("settings", False, f"{name} is no setting and has no effect. Is {meant} meant?")
    yield _home(settings)
    yield from _privacy(settings)
    yield _channels(settings)
    yield from _reporting(settings)
    yield from _dagit(settings)
    if settings.redis_url is not None:
        yield _redis(settings.redis_url.get_secret_value())
    yield from _moodle(settings)


def _home(settings: Settings) -> Finding:
    try:
        require_home(settings)
    except AlxError as error:
        return Finding("home folder", False, str(error))
    return Finding("home folder", True, "writable")


def _privacy(settings: Settings) -> Iterator[Finding]:
    """Names of learners and passwords are for this user; a group that the administrator gave rights may be meant."""
    files = [settings.home, *env_files()]
    if settings.database.get_backend_name() == "sqlite":
        files.append(Path(str(settings.database.database)))
    found = [str(each.absolute()) for each in open_to_others(files)]
    if found:
        yield Finding("private files", False, f"every user of this machine may read them. chmod o= {' '.join(found)}")


def _reporting(settings: Settings) -> Iterator[Finding]:
    yield from _behind("reporting database", lambda: make_engine(settings.database), _tables)


def _behind(what: str, make: Callable[[], Engine], look: Callable[[Engine], Iterator[Finding]]) -> Iterator[Finding]:
    """Make an engine, look at the database behind it, and let it go."""
    try:
        engine = make()
    except AlxError as error:
        yield Finding(what, False, str(error))
        return
    try:
        yield from look(engine)
    finally:
        engine.dispose()


def _tables(engine: Engine) -> Iterator[Finding]:
    try:
        with connect(engine) as connection:
            revision, how = current_revision(connection), _by_tls(is_encrypted(connection))
    except (AlxError, DBAPIError) as error:
        yield Finding("reporting database", False, explain(error) or str(error))
        return
    yield Finding("reporting database", True, f"{shown(engine.url)}{how}")
    yield from _sessions(engine)
    yield from _encoding(engine)
    yield from _autovacuum(engine)
    yield _schema(engine, revision)
    if revision is None:
        yield from _right_to_create(engine)
    if revision == HEAD:
        yield _rights(engine)
        yield _messages(engine)
        yield _syncs(engine)
        yield from _metrics(engine)


def _by_tls(encrypted: bool | None) -> str:
    return {None: "", True: ", over TLS", False: ", without TLS"}[encrypted]


def _sessions(engine: Engine) -> Iterator[Finding]:
    try:
        require_no_pooler(engine.url)
    except AlxError as error:
        yield Finding("sessions", False, str(error))


def _encoding(engine: Engine) -> Iterator[Finding]:
    """One without all characters refuses a company for a name in it. SQL_ASCII takes UTF-8 as it comes."""
    if engine.dialect.name != "postgresql":
        return
    with connect(engine) as connection:
        encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding not in ("UTF8", "SQL_ASCII"):
        way_out = "Make the database anew: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0."
        yield Finding("encoding", False, f"is {encoding}, in which not all names can be written. {way_out}")


def _autovacuum(engine: Engine) -> Iterator[Finding]:
    """Without a vacuum, what syncs replace takes up room for good. A job of somebody's may see to it."""
    if engine.dialect.name != "postgresql":
        return
    with connect(engine) as connection:
        setting = connection.scalar(text("SHOW autovacuum"))
    if setting != "on":
        way_out = "Unless a job of yours runs VACUUM daily, set autovacuum = on."
        yield Finding("autovacuum", True, f"is {setting}: rows that syncs replace are never cleared away. {way_out}")


def _schema(engine: Engine, revision: str | None) -> Finding:
    if revision is None:
        detail = f"no tables yet: `alx migrate` or the first sync makes them (revision {HEAD})"
        return Finding("schema", True, detail)
    try:
        require_current(engine)
    except AlxError as error:
        return Finding("schema", False, str(error))
    return Finding("schema", True, f"revision {revision}, current")


def _right_to_create(engine: Engine) -> Iterator[Finding]:
    """Without it the first sync fails. SQLite's only right is that of the folder."""
    with connect(engine) as connection:
        if not may_create(connection):
            owner = f"ALTER DATABASE {engine.url.database} OWNER TO the user of ALX_DATABASE_URL"
            detail = f"may not make tables, or a schema for Dagster's. Give the user the database: {owner}."
            yield Finding("rights on it", False, detail)


def _rights(engine: Engine) -> Finding:
    """A server or disk that is read-only, or a user who may only read, shows at the first write."""
    try:
        with transaction(engine) as connection:
            require_writable(connection)
    except (AlxError, DBAPIError) as error:
        return Finding("rights on it", False, explain(error) or str(error))
    return Finding("rights on it", True, "writable")


def _channels(settings: Settings) -> Finding:
    """Nobody is told of alerts unless a channel is set up; half of one is a mistake."""
    recipients = split_list(settings.alert_emails)
    if (settings.smtp_url is None) != (not recipients):
        return Finding("alert channels", False, "ALX_SMTP_URL and ALX_ALERT_EMAILS belong together: one is missing")
    channels = [
        *(["Slack"] if settings.slack_webhook_url is not None else []),
        *([f"e-mail to {len(recipients)}"] if recipients else []),
    ]
    if channels and not settings.public_url and split_bind(settings.api_bind)[0] in EVERY_ADDRESS:
        detail = f"links in messages lead to {settings.public_link}. Set ALX_PUBLIC_URL to where people reach it"
        return Finding("alert channels", False, detail)
    detail = f"{' and '.join(channels)}; try them with `alx alerts test`" if channels else "none: nobody is told"
    return Finding("alert channels", True, detail)


def _messages(engine: Engine) -> Finding:
    """Messages that wait for long, or were given up lately."""
    now = int(time.time())
    with connect(engine) as connection:
        troubled = list_troubled(connection, late_before=now - LATE_S, abandoned_since=now - ABANDONED_SHOWN_S)
    if not troubled:
        return Finding("alert messages", True, "none is late, none was refused lately")
    newest = troubled[0]
    waiting = sum(each["state"] == DeliveryState.PENDING for each in troubled)
    why = newest["last_error"] or "never tried: is Dagster's daemon running, and the channel still set up?"
    detail = (
        f"{waiting} late, {len(troubled) - waiting} refused in the last week; the newest, {newest['alert']} by "
        f"{newest['channel']}: {why}. See `alx alerts list --all`, and `alx alerts test` when it is mended."
    )
    return Finding("alert messages", False, detail)


def _redis(url: str) -> Finding:
    """Without it every API process builds its pages itself: slower, and nothing else shows it."""
    from redis import Redis  # noqa: PLC0415  # most installations do without
    from redis.exceptions import RedisError  # noqa: PLC0415

    try:
        with Redis.from_url(url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S) as client:
            client.ping()
    except (RedisError, OSError) as error:
        advice = "Check ALX_REDIS_URL and that the server runs; until it answers, pages are not shared."
        return Finding("Redis", False, f"does not answer: {str(error).rstrip('.')}. {advice}")
    return Finding("Redis", True, "answers")


def _syncs(engine: Engine) -> Finding:
    """Whether they come, by the status page's rule, and succeed; before the first one nobody can miss any."""
    now = int(time.time())
    with connect(engine) as connection:
        runs, running = latest_runs(connection, limit=2), running_since(connection)
    if not runs:
        return Finding("syncs", True, "none yet: `alx up` syncs every hour, `alx sync` once")
    due_at = next_sync_at(runs[0]["started_at"])
    if is_overdue(due_at, running_since=running, now=now):
        advice = "Start `alx up`, or restart it; is hourly_sync_schedule on in Dagit?"
        return Finding("syncs", False, f"the hourly one is {ago(now - due_at)} late. {advice}")
    over = next((run for run in runs if run["status"] != "running"), None)
    if over is not None and over["status"] == "failed":
        why = shorten(over["error"] or "nobody knows why", LONGEST_CAUSE, placeholder=" ...")
        return Finding("syncs", False, f"the one of {ago(now - over['started_at'])} ago failed: {why}")
    return Finding("syncs", True, f"the newest began {ago(now - runs[0]['started_at'])} ago, none is late")


def _metrics(engine: Engine) -> Iterator[Finding]:
    """The alerts about the API judge hours that were counted, and say nothing of others."""
    end = (int(time.time()) - UNCOUNTED_AFTER_S) // HOUR_S * HOUR_S
    with connect(engine) as connection:
        late = late_hours(connection, start=end - DAY_S, end=end)
    if late:
        advice = "No alert judges them. Dagit says what became of `hourly_metrics`; it makes up for 48 hours."
        yield Finding("hourly metrics", False, f"{len(late)} of the last 24 hours are not counted. {advice}")


def _dagit(settings: Settings) -> Iterator[Finding]:
    """A click in Dagit, and nothing else would tell; who can't read Dagster's tables is not told here."""
    from alx_pipeline.switched_off import switched_off  # noqa: PLC0415  # loads yaml: not for `--help`

    with suppress(AlxError, DBAPIError):
        if names := switched_off(settings):
            advice = "What they sync, count, tell or delete waits: switch them on in Dagit."
            yield Finding("schedules and sensors", False, f"off: {', '.join(names)}. {advice}")


def _moodle(settings: Settings) -> Iterator[Finding]:
    from alx_pipeline.moodle.source import make_moodle_engine  # noqa: PLC0415  # loads polars: not for `--help`

    yield from _behind(
        "Moodle", lambda: make_moodle_engine(settings.moodle), lambda engine: _site(engine, settings.moodle_prefix)
    )


def _site(engine: Engine, prefix: str) -> Iterator[Finding]:
    from alx_pipeline.moodle.inspection import grant_hint, inspect_site, missing_hint  # noqa: PLC0415

    try:
        site = inspect_site(engine, prefix)
    except AlxError as error:
        yield Finding("Moodle", False, str(error))
        return
    yield Finding("Moodle", True, f"{site.where} answers{_by_tls(site.is_encrypted)}")
    named = [prefix + name for name in (*site.missing_tables, *site.missing_columns)]
    detail = f"missing: {', '.join(named)}. {missing_hint(site)}" if named else "all tables and columns are there"
    yield Finding("Moodle's tables", not named, detail)
    refused = [prefix + name for name in site.refused_tables]
    if refused or not named:
        detail = f"may not read {', '.join(refused)}. {grant_hint(site)}" if refused else "every table may be read"
        yield Finding("rights on Moodle", not refused, detail)
    if not named and not refused:
        empty = [prefix + name for name in site.empty_tables]
        detail = f"no rows in {', '.join(empty)}: is this the right database, with IOMAD and a company in it?"
        yield Finding("Moodle's content", not empty, detail if empty else "users, courses and companies are there")
    if not site.has_modules:
        detail = f"{prefix}modules can't be read: activities of a switched-off type will be counted"
        yield Finding("module types", True, detail)
    yield _tokens(engine, prefix)
    yield _clock(engine)


def _tokens(engine: Engine, prefix: str) -> Finding:
    """Moodle's tokens are read by `alx token import-moodle` alone, so nothing here has to be mended."""
    from alx_pipeline.moodle.inspection import grant_hint  # noqa: PLC0415
    from alx_pipeline.moodle.tokens import inspect_tokens, read_tokens  # noqa: PLC0415

    try:
        site = inspect_tokens(engine, prefix)
        missing = [prefix + name for name in (*site.missing_tables, *site.missing_columns)]
        refused = [prefix + name for name in site.refused_tables]
        if missing or refused:
            why = f"there is no {', '.join(missing)}"
            if not missing:
                why = f"may not read {', '.join(refused)}. {grant_hint(site)}"
            return Finding("Moodle's tokens", True, f"can't be imported by `alx token import-moodle`: {why}")
        return Finding("Moodle's tokens", True, f"{len(read_tokens(engine, prefix))} can be imported")
    except AlxError as error:
        return Finding("Moodle's tokens", True, f"can't be imported: {error}")


def _clock(engine: Engine) -> Finding:
    """Enrolment periods are judged by this machine's clock, so it should agree with Moodle's."""
    query = {"mysql": "SELECT UNIX_TIMESTAMP()", "mariadb": "SELECT UNIX_TIMESTAMP()"}.get(engine.dialect.name)
    if engine.dialect.name == "postgresql":
        query = "SELECT extract(epoch FROM now())"
    if query is None:
        return Finding("clock", True, "Moodle's database has none of its own")
    with engine.connect() as connection:
        skew_s = time.time() - float(connection.scalar(text(query)))
    fine = abs(skew_s) <= CLOCKS_APART_S
    detail = f"differs from Moodle's database by {skew_s:+.0f} s"
    return Finding("clock", fine, detail if fine else f"{detail}. Set both by NTP: enrolments end by this clock.")
