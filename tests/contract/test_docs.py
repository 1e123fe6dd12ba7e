"""What the documentation says is true."""

import re
from pathlib import Path

import pytest
from falcon.inspect import inspect_routes

from alx_cli.main import COMMANDS
from alx_cli.settings_page import settings_page
from alx_core.domain.alerts import AlertName
from alx_core.domain.checks import CHECKS
from alx_core.domain.progress import SNAPSHOT_COLUMNS
from alx_core.settings import Settings
from alx_core.store.tables import metadata, reporting
from api_server.app import create_app
from api_server.database import Database
from api_server.journal import Journal
from api_server.middleware import RequestLog

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_settings_page_is_the_one_made_from_the_settings() -> None:
    assert page("docs/settings.md") == settings_page(), "run: python -m alx_cli.settings_page > docs/settings.md"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_alx_command_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"`alx ([a-z]+)", path.read_text(encoding="utf-8")))
    assert named <= COMMANDS.keys()


def test_every_address_of_the_api_that_is_named_exists(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    journal = Journal(tmp_path, settings.database)
    log = RequestLog(journal, "")
    database = Database(settings.database)
    routes = inspect_routes(create_app(settings, database=database, request_log=log, journal=journal))
    known = {re.sub(r"\{\w+\}", "sync", each.path) for each in routes}
    texts = [path.read_text(encoding="utf-8") for path in [*PAGES, *(ROOT / "alx_core").rglob("*.py")]]
    named = {each.rstrip("/") for text in texts for each in re.findall(r"`?(/(?:api|odata|status)[/\w.-]*)`", text)}
    assert "/status" in named
    assert {each for each in named if not each.startswith("/status/data")} <= known


def test_the_operations_page_names_every_table_the_user_must_read() -> None:
    text = page("docs/operations.md")
    assert {name for name in SNAPSHOT_COLUMNS if not re.search(rf"\b{name}\b", text)} == set()


def test_the_architecture_page_names_every_column_of_the_reporting_table() -> None:
    text = page("docs/architecture.md")
    unnamed = {column.name for column in reporting.columns if not re.search(rf"\b{column.name}\b", text)}
    assert unnamed == {"created_at", "updated_at"}


def test_every_table_has_its_migration() -> None:
    folder = ROOT / "alx_core" / "store" / "migrations" / "versions"
    upgrades = "".join(each.read_text().split("def downgrade")[0] for each in folder.glob("*.py"))
    made, dropped = (set(re.findall(rf'{verb}_table\(\s*"(\w+)"', upgrades)) for verb in ("create", "drop"))
    assert made - dropped == metadata.tables.keys()


def test_the_operations_page_tells_what_to_do_about_checks_that_fail() -> None:
    text = page("docs/operations.md")
    assert {"source_fresh", "row_count_matches_source"} <= CHECKS.keys()
    assert all(name in text for name in ("source_fresh", "row_count_matches_source"))


def test_the_operations_page_tells_what_to_do_about_every_alert() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", page("docs/operations.md"), re.MULTILINE))
    assert {each.value for each in AlertName} - {"test"} <= told
