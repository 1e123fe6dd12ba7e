"""All settings, read once, from the environment or a file `.env` (`env_files.py`). Nothing else reads the environment.

Order of precedence: environment, `.env` in the working directory, `.env` in `ALX_HOME` (where `alx demo` puts its own).
"""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from alx_core.bounds import AnswerMs, Count, Days, Hours, Megabytes, Minutes, Percent, WaitS, WholeWaitS
from alx_core.domain.networks import check_networks
from alx_core.env_files import env_files, names_given
from alx_core.errors import SettingsError

# SQLAlchemy 2.1 and dagster-postgres disagree on the default driver of postgresql://, so every URL names its driver.
DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite": "sqlite",
}
MOODLE_BACKENDS = ("mysql", "postgresql", "sqlite")
STORE_BACKENDS = ("postgresql", "sqlite")
SCHEMES = {
    "slack_webhook_url": ("https", "http"),
    "smtp_url": ("smtp", "starttls", "smtps"),
    "redis_url": ("redis", "rediss", "unix"),
}
ALIKE = 0.8
"""Of difflib's likeness of two names (0 to 1): from here on one is taken for a slip of the other."""
SEVERAL_HOSTS = re.compile(
    r"(?P<before>postgres(ql)?(\+\w+)?://([^/?@]*@)?)(?P<hosts>[^/?@,]+(,[^/?@,]+)+)(?P<after>/.*)"
)
EMAIL_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")


class Settings(BaseSettings):
    """The frozen settings tree. Each field says what it is and its unit; `docs/settings.md` is made from it."""

    model_config = SettingsConfigDict(
        env_prefix="ALX_", frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )

    home: Path = Field(Path("var"), description="Folder for everything this installation writes to disk")
    moodle_url: SecretStr | None = Field(
        None, description="Moodle's database: `mysql://`, `mariadb://`, `postgresql://` or `sqlite:///` URL. Only read"
    )
    moodle_prefix: str = Field("mdl_", pattern=r"^\w{0,20}$", description="Prefix of Moodle's table names")
    database_url: SecretStr | None = Field(
        None, description="Reporting database: `postgresql://` or `sqlite:///` URL. Default: `alx.sqlite` in `ALX_HOME`"
    )
    dagster_bind: str = Field("127.0.0.1:3000", description="Address and port of Dagit. It has no login: keep it local")
    timezone: str = Field("UTC", description="Zone of formatted dates and of the quota's midnight, as `Europe/London`")
    api_bind: str = Field("127.0.0.1:8000", description="Address and port of the API")
    api_workers: int = Field(2, ge=1, le=64, description="Processes that serve the API")
    api_threads: int = Field(8, ge=1, le=256, description="Threads in each of them")
    api_burst_per_minute: Count = Field(
        0,
        ge=0,
        description="Requests a minute that one token may make in each API process; 0 = no limit beside the quota",
    )
    trusted_proxies: str = Field(
        "", description="Networks of proxies whose `X-Forwarded-For` is believed, comma-separated; empty = none"
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis for the shared page cache, as `redis://host/0`. Default: the reporting database"
    )
    cache_mb: Megabytes = Field(256, description="Megabytes that pages take in the shared cache (reporting database)")
    api_memory_cache_mb: Megabytes = Field(16, description="Megabytes that pages take in each API process")
    sync_rows_per_band: Count = Field(
        110_000,
        ge=1_000,
        description="Completion rows that a sync works on at a time (a band); bounds the memory of a sync",
    )
    sync_workers: int = Field(2, ge=1, le=16, description="Bands, companies and digests worked on at a time")
    sync_lock_timeout_s: WaitS = Field(
        600, ge=0, description="Seconds a sync waits for another one that is writing, before it gives up"
    )
    sync_stale_hours: Hours = Field(
        2, description="Hours without a successful sync of the newest hour after which the table counts as stale"
    )
    source_fresh_hours: Hours = Field(
        168, description="Hours without any change in Moodle after which the check `source_fresh` warns"
    )
    sync_max_runtime_s: WholeWaitS = Field(
        1800,
        ge=60,
        description="Seconds after which Dagster ends a run, sync or other, that still counts as running",
    )
    alert_api_slow_ms: AnswerMs = Field(
        5000, description="Milliseconds of the mean response time of an hour above which the API counts as slow"
    )
    alert_api_success_pct: Percent = Field(
        95, description="Percent of an hour's calls below which too few of them succeed"
    )
    alert_api_cache_hit_pct: Percent = Field(
        70, description="Percent of an hour's answered calls below which too few come from the cache"
    )
    alert_min_calls: Count = Field(
        20, ge=1, description="Calls in an hour below which speed, success rate and cache hit rate are not judged"
    )
    alert_failed_auth: Count = Field(
        10, ge=1, description="Refused tokens from one address, or with one key prefix, in an hour that make an alert"
    )
    alert_sync_error_pct: Percent = Field(
        5, description="Percent of bad records in a sync above which an alert is raised"
    )
    alert_cooldown_minutes: Minutes = Field(
        60, ge=1, description="Minutes after a message before the same alert of the same subject is told again"
    )
    slack_webhook_url: SecretStr | None = Field(
        None, description="Incoming webhook of the Slack channel that is told of alerts. Default: no Slack"
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server, as `smtp://user:password@host:587` (STARTTLS where it is offered, always with a "
        "password), `starttls://` (always) or `smtps://`. Default: no e-mail",
    )
    alert_emails: str = Field("", description="Addresses that are told of alerts, comma-separated; empty = no e-mail")
    alert_from: str = Field("alx-report@localhost", description="Sender's address of these e-mails")
    dagster_url: str = Field(
        "",
        description="Address under which people reach Dagit, for links in messages and on the status page. Beside "
        "`localhost` Dagit answers to no other name. Default: `http://` and `ALX_DAGSTER_BIND`",
    )
    log_retention_days: Days = Field(90, ge=1, description="Days that requests and quota counters are kept")
    metrics_retention_days: Days = Field(400, ge=60, description="Days that the hourly metrics are kept")
    run_retention_days: Days = Field(90, ge=7, description="Days that syncs, their errors and Dagster's runs are kept")
    alert_retention_days: Days = Field(365, ge=1, description="Days that alerts are kept after they were resolved")
    tombstone_retention_days: Days = Field(
        90, ge=1, description="Days that a deleted row is kept, for clients that read changes"
    )
    public_url: str = Field(
        "",
        description="Address under which people reach the API and the status page, for links in messages. "
        "Default: `http://` and `ALX_API_BIND`",
    )
    status_password: SecretStr | None = Field(
        None,
        description="Password of the status page and `/metrics`. Default: none, they answer this machine alone",
    )

    @field_validator("moodle_url", "database_url")
    @classmethod
    def _check_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _parse_url(value.get_secret_value())
        return value

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of them, as Europe
            raise ValueError(f"{value!r} is no time zone, for example Europe/London") from None
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        try:
            check_networks(value)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("slack_webhook_url", "smtp_url", "redis_url")
    @classmethod
    def _check_service(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None or not value.get_secret_value():  # a variable that is there and empty
            return None
        schemes = SCHEMES[info.field_name or ""]
        try:
            parts = urlsplit(value.get_secret_value())
            where = parts.path if parts.scheme == "unix" else parts.hostname
            is_fine = parts.scheme in schemes and bool(where) and parts.port != 0
        except ValueError:
            is_fine = False
        if not is_fine:
            raise ValueError(f"not a URL with a host; it begins with one of {', '.join(schemes)}")
        return value

    @field_validator("alert_emails")
    @classmethod
    def _check_addresses(cls, value: str) -> str:
        wrong = [each for each in split_list(value) if not EMAIL_ADDRESS.fullmatch(each)]
        if wrong:
            raise ValueError("not an e-mail address, for example ops@example.com, more than one with commas")
        return value

    @field_validator("alert_from")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        if not EMAIL_ADDRESS.fullmatch(value):
            raise ValueError("not one e-mail address, for example alx@example.com")
        return value

    @field_validator("dagster_url", "public_url")
    @classmethod
    def _check_link(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_fine = not value or (parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0)
        except ValueError:
            is_fine = False
        if not is_fine or set(value) & set(" <>|"):  # these would end a link in Slack
            raise ValueError("no address that a browser opens, for example https://alx.example.com")
        return value

    @field_validator("dagster_bind", "api_bind")
    @classmethod
    def _check_bind(cls, value: str) -> str:
        split_bind(value)
        return value

    @model_validator(mode="after")
    def _check_backends(self) -> Self:
        if self.moodle_url is not None and self.moodle.get_backend_name() not in MOODLE_BACKENDS:
            raise ValueError(f"ALX_MOODLE_URL must be one of {', '.join(MOODLE_BACKENDS)}")
        if self.database.get_backend_name() not in STORE_BACKENDS:
            raise ValueError(f"ALX_DATABASE_URL must be one of {', '.join(STORE_BACKENDS)}")
        return self

    @property
    def moodle(self) -> URL:
        """URL of Moodle's database, driver included. Raises SettingsError when it is not set."""
        if self.moodle_url is None:
            raise SettingsError(
                "ALX_MOODLE_URL is not set. Set it to Moodle's database, for example "
                "mysql://reader:PASSWORD@db.example.com/moodle, or run `alx demo` for a made-up Moodle."
            )
        return _parse_url(self.moodle_url.get_secret_value())

    @property
    def database(self) -> URL:
        """URL of the reporting database, driver included. Of several hosts it is the one that takes writes."""
        if self.database_url is None:
            return URL.create("sqlite", database=str(self.home.absolute() / "alx.sqlite"))
        url = _parse_url(self.database_url.get_secret_value())
        if len(url.normalized_query.get("host", ())) > 1:
            return url.update_query_dict({"target_session_attrs": "read-write", **url.query})
        return url

    @property
    def zone(self) -> ZoneInfo:
        """The zone of formatted dates and of the quota's midnight."""
        return ZoneInfo(self.timezone)

    @property
    def dagster_link(self) -> str:
        """Where people reach Dagit, without a slash at the end."""
        return (self.dagster_url or f"http://{self.dagster_bind}").rstrip("/")

    @property
    def public_link(self) -> str:
        """Where people reach the API and the status page, without a slash at the end."""
        return (self.public_url or f"http://{self.api_bind}").rstrip("/")

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's instance (`DAGSTER_HOME`)."""
        return self.home.absolute() / "dagster"


def load_settings() -> Settings:
    """Read the settings. Raises SettingsError that names each wrong variable, never its value."""
    try:
        return Settings(_env_file=env_files(), _env_file_encoding="utf-8")
    except ValidationError as error:
        wrong = "; ".join(_describe(item["loc"], item["msg"]) for item in error.errors())
        raise SettingsError(f"{wrong}. See docs/settings.md.") from None
    except UnicodeDecodeError:  # its text would show a part of the file
        raise SettingsError("A file .env, here or in ALX_HOME, is not UTF-8. Save it as UTF-8.") from None


def find_misspelt() -> dict[str, str]:
    """Return the variables that are no setting but look like one, and which: nothing else would tell of a slip.

    Call it when `load_settings` has read the same files.
    """
    settings = {f"ALX_{name.upper()}" for name in Settings.model_fields}
    alike = {name: get_close_matches(name, settings, n=1, cutoff=ALIKE) for name in sorted(names_given() - settings)}
    return {name: found[0] for name, found in alike.items() if found}


def split_list(text: str) -> tuple[str, ...]:
    """Split a comma-separated setting; blanks do not count."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def split_bind(bind: str) -> tuple[str, int]:
    """Split `host:port`. Raises ValueError that says how it should look."""
    try:
        parts = urlsplit(f"//{bind}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise ValueError("not host:port, for example 127.0.0.1:3000")
    return host, port


def _of_several_hosts(text: str) -> URL | None:
    """Read a URL of a primary and its standbys as libpq has it; SQLAlchemy has them in the query. None: of one host."""
    found = SEVERAL_HOSTS.fullmatch(text)
    if found is None:
        return None
    return make_url(found["before"] + found["after"]).update_query_dict({"host": tuple(found["hosts"].split(","))})


def with_driver(url: URL) -> URL:
    """Name the driver in a URL that leaves it open."""
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def _describe(loc: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"ALX_{str(loc[0]).upper()}: {text}" if loc else text


def _parse_url(text: str) -> URL:
    try:
        url = _of_several_hosts(text) or make_url(text)
    except (ArgumentError, ValueError):  # ValueError, for a port that is no number, quotes what may be a password
        raise ValueError("not a database URL, for example postgresql://user:password@host/database") from None
    is_file = url.get_backend_name() == "sqlite"
    if not is_file and "@" in f"{url.host}{url.database}":  # the rest of a password, which messages would show
        raise ValueError("in a password, characters such as @ : / % are percent-encoded: p@ss is p%40ss")
    url = with_driver(url)
    if url.get_backend_name() == "mysql" and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):  # each connection would have an empty one of its own
            raise ValueError("names no file, for example sqlite:////srv/alx/alx.sqlite")
        url = url.set(database=str(Path(url.database or "").absolute()))
    return url
