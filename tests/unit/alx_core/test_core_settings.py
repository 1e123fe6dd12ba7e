"""Settings: where they come from, what is filled in, and what an error may say."""

import ast
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import URL

from alx_core.errors import SettingsError
from alx_core.settings import Settings, find_misspelt, split_bind
from support.load_settings import Load, refusal

ROOT = Path(__file__).parents[3]
PASSWORD = "s3cr3t!"


def write_env(folder: Path, **values: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")


def moodle(load: Load, url: str) -> URL:
    return load(ALX_MOODLE_URL=url).moodle


# --- the fields ---


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_says_what_it_is(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description is not None
    assert len(description) > 20


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith(("_s", "_hours"))])
def test_a_setting_that_is_a_length_of_time_says_its_unit(name: str) -> None:
    unit = "hour" if name.endswith("_hours") else "second"
    assert unit in str(Settings.model_fields[name].description).lower()


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith("_retention_days")])
def test_what_is_kept_for_ever_is_kept_for_a_hundred_years(load: Load, name: str) -> None:
    assert getattr(load(**{f"ALX_{name.upper()}": "36500"}), name) == 36_500
    with pytest.raises(SettingsError, match=f"ALX_{name.upper()}"):
        load(**{f"ALX_{name.upper()}": "36501"})


def test_without_any_variable_everything_has_a_default(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert settings.home == Path("var")
    assert settings.database == URL.create("sqlite", database=str(tmp_path / "var" / "alx.sqlite"))
    assert settings.dagster_home == tmp_path / "var" / "dagster"
    assert settings.moodle_prefix == "mdl_"
    assert split_bind(settings.dagster_bind) == ("127.0.0.1", 3000)


def test_settings_are_frozen(load: Load) -> None:
    settings: Any = load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.moodle_prefix = "x_"


def test_a_password_does_not_show_when_settings_are_printed(load: Load) -> None:
    settings = load(ALX_MOODLE_URL=f"mysql://u:{PASSWORD}@h/m", ALX_DATABASE_URL=f"postgresql://u:{PASSWORD}@h/d")
    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize("package", ["alx_core", "alx_pipeline"])
def test_nothing_else_in_the_package_reads_the_environment(package: str) -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    }
    assert readers == ({"alx_core/env_files.py"} if package == "alx_core" else set())


# --- where they come from ---


def test_the_environment_comes_before_the_file_here_and_that_before_the_one_in_alx_home(
    load: Load, tmp_path: Path
) -> None:
    write_env(tmp_path / "home", ALX_MOODLE_PREFIX="home_", ALX_SYNC_WORKERS="3", ALX_SYNC_STALE_HOURS="4")
    write_env(tmp_path, ALX_MOODLE_PREFIX="here_", ALX_SYNC_WORKERS="5")
    settings = load(ALX_HOME=str(tmp_path / "home"), ALX_MOODLE_PREFIX="env_")
    assert (settings.moodle_prefix, settings.sync_workers, settings.sync_stale_hours) == ("env_", 5, 4)


def test_alx_home_itself_may_come_from_the_file_here(load: Load, tmp_path: Path) -> None:
    write_env(tmp_path, ALX_HOME="elsewhere")
    write_env(tmp_path / "elsewhere", ALX_MOODLE_PREFIX="there_")
    settings = load()
    assert (settings.home, settings.moodle_prefix) == (Path("elsewhere"), "there_")


def test_alx_home_of_the_environment_comes_before_that_of_the_file(load: Load, tmp_path: Path) -> None:
    write_env(tmp_path, ALX_HOME="elsewhere")
    write_env(tmp_path / "elsewhere", ALX_MOODLE_PREFIX="there_")
    settings = load(ALX_HOME="home")
    assert (settings.home, settings.moodle_prefix) == (Path("home"), "mdl_")


def test_the_file_in_the_default_home_counts(load: Load, tmp_path: Path) -> None:
    write_env(tmp_path / "var", ALX_MOODLE_PREFIX="demo_")
    assert load().moodle_prefix == "demo_"


def test_variables_of_other_programs_are_ignored(load: Load, tmp_path: Path) -> None:
    write_env(tmp_path, ALX_NO_SUCH_SETTING="1", MOODLE_PREFIX="x_")
    assert load(MOODLE_PREFIX="y_", ALX_NOR_THIS="2").moodle_prefix == "mdl_"


def test_a_misspelt_setting_is_found_wherever_it_is_written(load: Load, tmp_path: Path) -> None:
    write_env(tmp_path, ALX_STATUS_PASWORD=PASSWORD, ALX_NO_SUCH_THING="1")
    write_env(tmp_path / "var", ALX_ALERT_EMAIL="a@example.com")
    load(ALX_SLACK_WEBHOOK="https://h/x", ALX_TEST_REQUIRE_SERVICES="1", ALX_MOODLE_PREFIX="m_")
    assert find_misspelt() == {
        "ALX_ALERT_EMAIL": "ALX_ALERT_EMAILS",
        "ALX_SLACK_WEBHOOK": "ALX_SLACK_WEBHOOK_URL",
        "ALX_STATUS_PASWORD": "ALX_STATUS_PASSWORD",
    }


# --- URLs ---


@pytest.mark.parametrize(
    ("url", "drivername"),
    [
        ("mysql://u:p@h/m", "mysql+pymysql"),
        ("mariadb://u:p@h/m", "mysql+pymysql"),
        ("postgresql://u:p@h/m", "postgresql+psycopg"),
        ("postgres://u:p@h/m", "postgresql+psycopg"),
        ("sqlite:////m.sqlite", "sqlite"),
        ("mysql+mysqldb://u:p@h/m", "mysql+mysqldb"),
    ],
)
def test_the_driver_is_filled_in_where_none_is_named(load: Load, url: str, drivername: str) -> None:
    assert moodle(load, url).drivername == drivername


def test_mysql_is_read_as_utf8mb4(load: Load) -> None:
    assert moodle(load, "mysql://u:p@h/m").query == {"charset": "utf8mb4"}
    assert moodle(load, "mysql://u:p@h/m?ssl_ca=/ca.pem").query == {"ssl_ca": "/ca.pem", "charset": "utf8mb4"}


def test_a_charset_that_was_chosen_stays(load: Load) -> None:
    assert moodle(load, "mysql://u:p@h/m?charset=latin1").query == {"charset": "latin1"}


def test_host_port_user_password_and_database_are_kept(load: Load) -> None:
    url = moodle(load, "mysql://reader:p%40ss%3Aw0rd@db.example.com:3307/moodle")
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "reader",
        "p@ss:w0rd",
        "db.example.com",
        3307,
        "moodle",
    )


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        ("postgresql://u:p@a,b/m", ("a", "b")),
        ("postgresql://u:p%2Fq,r@a:1,b.example.com:2/m?sslmode=require", ("a:1", "b.example.com:2")),
        ("postgresql://a:1,b/m", ("a:1", "b")),
        ("postgres://u@10.0.0.1,10.0.0.2,10.0.0.3:5433/m", ("10.0.0.1", "10.0.0.2", "10.0.0.3:5433")),
    ],
)
def test_a_primary_and_its_standbys_are_written_as_to_postgresqls_own_clients(
    load: Load, written: str, hosts: tuple[str, ...]
) -> None:
    url = moodle(load, written)
    assert (url.host, url.query["host"], url.database) == (None, hosts, "m")
    assert url.query.get("sslmode") == ("require" if "sslmode" in written else None)


def test_of_several_hosts_of_the_reporting_database_the_one_that_takes_writes_is_meant(load: Load) -> None:
    several = "postgresql://u:p@a,b/m"
    assert load(ALX_DATABASE_URL=several).database.query["target_session_attrs"] == "read-write"
    assert load(ALX_DATABASE_URL=f"{several}?target_session_attrs=primary").database.query == {
        "host": ("a", "b"),
        "target_session_attrs": "primary",
    }
    assert "target_session_attrs" not in moodle(load, several).query, "any that answers may be read"
    assert load(ALX_DATABASE_URL="postgresql://u:p@a/m").database.query == {}


@pytest.mark.parametrize("written", ["mysql://u:p@a,b/m", "postgresql://u:p@a,/m", "postgresql://u:p@h/a,b"])
def test_what_only_looks_like_several_hosts_is_not_taken_apart(load: Load, written: str) -> None:
    assert "host" not in moodle(load, written).query


@pytest.mark.parametrize("url", ["sqlite:///data/m.sqlite", "sqlite:///./data/m.sqlite"])
def test_a_relative_sqlite_path_is_made_absolute(load: Load, tmp_path: Path, url: str) -> None:
    assert moodle(load, url).database == str(tmp_path / "data" / "m.sqlite")


def test_an_absolute_sqlite_path_is_kept(load: Load) -> None:
    assert moodle(load, "sqlite:////srv/m.sqlite").database == "/srv/m.sqlite"


def test_the_default_database_lies_in_alx_home(load: Load, tmp_path: Path) -> None:
    settings = load(ALX_HOME="somewhere")
    assert settings.database.database == str(tmp_path / "somewhere" / "alx.sqlite")
    assert settings.dagster_home == tmp_path / "somewhere" / "dagster"


# --- errors ---


WRONG = {
    "ALX_MOODLE_URL": [f"nonsense {PASSWORD}", f"oracle://u:{PASSWORD}@h/m", f"{PASSWORD}"],
    "ALX_DATABASE_URL": [f"nonsense {PASSWORD}", f"mysql://u:{PASSWORD}@h/d", f"mssql://u:{PASSWORD}@h/d"],
    "ALX_MOODLE_PREFIX": [f"mdl {PASSWORD}", "x" * 21, "mdl_; DROP TABLE"],
    "ALX_SYNC_WORKERS": [PASSWORD, "1.5"],
    "ALX_SYNC_ROWS_PER_BAND": [PASSWORD],
    "ALX_SYNC_LOCK_TIMEOUT_S": [PASSWORD],
    "ALX_SYNC_STALE_HOURS": [PASSWORD],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_an_error_names_the_variable_and_not_its_value(load: Load, name: str, value: str) -> None:
    message = refusal(load, name, value)
    assert name in message
    assert value not in message
    assert PASSWORD not in message
    assert "docs/settings.md" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALX_SYNC_WORKERS", "0"),
        ("ALX_SYNC_WORKERS", "17"),
        ("ALX_SYNC_ROWS_PER_BAND", "999"),
        ("ALX_SYNC_LOCK_TIMEOUT_S", "-1"),
        ("ALX_SYNC_STALE_HOURS", "0"),
        ("ALX_SOURCE_FRESH_HOURS", "0"),
        ("ALX_SYNC_MAX_RUNTIME_S", "59"),
    ],
)
def test_a_number_out_of_its_bounds_is_refused(load: Load, name: str, value: str) -> None:
    assert name in refusal(load, name, value)


@pytest.mark.parametrize("name", ["ALX_MOODLE_URL", "ALX_DATABASE_URL"])
@pytest.mark.parametrize("value", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused_because_it_is_gone_with_its_connection(
    load: Load, name: str, value: str
) -> None:
    assert f"{name}: names no file, for example sqlite:////" in refusal(load, name, value)


@pytest.mark.parametrize("value", ["", "London", "Europe", "../UTC", "x" * 300])
def test_what_is_no_time_zone_is_refused_with_an_example(load: Load, value: str) -> None:
    assert "is no time zone, for example Europe/London" in refusal(load, "ALX_TIMEZONE", value)


def test_all_wrong_variables_are_named_at_once(load: Load) -> None:
    message = refusal(load, "ALX_SYNC_WORKERS", "many")
    assert "ALX_MOODLE_PREFIX" not in message
    message = refusal(load, "ALX_MOODLE_PREFIX", "a b")
    assert "ALX_SYNC_WORKERS" in message
    assert "ALX_MOODLE_PREFIX" in message


@pytest.mark.parametrize("url", ["mysql://u:p@{}@h/m", "mysql://u:p@{}/1@h/m", "postgresql://u:p@{}:1/@h/m"])
@pytest.mark.parametrize("name", ["ALX_MOODLE_URL", "ALX_DATABASE_URL"])
def test_a_password_that_is_not_encoded_is_no_name_of_a_host_that_messages_show(
    load: Load, name: str, url: str
) -> None:
    message = refusal(load, name, url.format("s3cr3t"))
    assert "s3cr3t" not in message


def test_a_password_with_an_at_sign_is_told_how_to_be_written(load: Load) -> None:
    assert "p@ss is p%40ss" in refusal(load, "ALX_MOODLE_URL", "mysql://u:p@ss/1@h/m")
    assert load(ALX_MOODLE_URL="sqlite:////srv/m@home.sqlite").moodle.database == "/srv/m@home.sqlite"


def test_a_value_from_a_file_does_not_show_either(load: Load, tmp_path: Path) -> None:
    write_env(tmp_path, ALX_DATABASE_URL=f"mysql://u:{PASSWORD}@h/d")
    with pytest.raises(SettingsError, match="ALX_DATABASE_URL") as caught:
        load()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("name", ["ALX_MOODLE_URL", "ALX_DATABASE_URL"])
def test_half_of_a_password_with_an_unescaped_at_sign_does_not_show(load: Load, name: str) -> None:
    message = refusal(load, name, f"postgresql://u:half@ss:{PASSWORD}@host/d")
    assert name in message
    assert PASSWORD not in message


def test_a_wrong_address_does_not_show(load: Load) -> None:
    assert PASSWORD not in refusal(load, "ALX_DAGSTER_BIND", f"https://u:{PASSWORD}@dagit")


def test_without_moodles_url_one_is_told_how_to_set_it(load: Load) -> None:
    settings = load()
    with pytest.raises(SettingsError, match=r"ALX_MOODLE_URL is not set.*mysql://.*alx demo"):
        _ = settings.moodle
