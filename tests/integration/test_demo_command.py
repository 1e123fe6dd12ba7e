"""`alx demo` fills a table of its own and never touches somebody else's."""

from pathlib import Path

from sqlalchemy.engine import URL

from alx_core.store.engine import make_engine
from support.command import Command
from support.databases import plain
from support.site import live_rows


def count(database: Path) -> int:
    engine = make_engine(URL.create("sqlite", database=str(database)))
    with engine.connect() as connection:
        found = len(live_rows(connection))
    engine.dispose()
    return found


def test_the_demo_fills_the_table_and_the_other_commands_then_work_on_it(tmp_path: Path) -> None:
    command = Command(tmp_path / "home")
    done = command.run("demo", "--learners", "150", "--no-serve")
    assert done.code == 0, done.stderr
    rows = count(tmp_path / "home" / "alx.sqlite")
    assert rows > 500
    status = command.run("status", "--json").json
    assert (status["freshness"], status["rows"]) == ("fresh", rows)
    assert command.run("doctor").code == 0
    again = command.run("demo", "--learners", "150", "--no-serve")
    assert "Using the made-up Moodle" in again.stderr


def test_the_demo_refuses_a_reporting_database_with_other_data(tmp_path: Path, site_copy: Path) -> None:
    database = f"sqlite:///{tmp_path / 'mine.sqlite'}"
    mine = Command(tmp_path / "home", ALX_MOODLE_URL=f"sqlite:///{site_copy}", ALX_DATABASE_URL=database)
    assert mine.run("sync", "--rebuild", "--as-of", "1795474552").code == 0
    refused = mine.run("demo", "--learners", "150", "--no-serve")
    assert refused.code == 1
    assert "already serves another Moodle" in refused.stderr
    assert count(tmp_path / "mine.sqlite") == 1494


def test_the_demo_refuses_a_home_with_settings_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".env").write_text("ALX_MOODLE_URL=mysql://reader@db.example.com/moodle\n")
    refused = Command(home).run("demo", "--learners", "150", "--no-serve")
    assert refused.code == 1
    assert "settings of yours" in refused.stderr
    assert "db.example.com" in (home / ".env").read_text()


def test_your_own_moodle_url_is_not_touched_by_the_demo(tmp_path: Path, site_copy: Path) -> None:
    before = site_copy.read_bytes()
    command = Command(tmp_path / "home", ALX_MOODLE_URL=plain(URL.create("sqlite", database=str(site_copy))))
    assert command.run("demo", "--learners", "150", "--no-serve").code == 0
    assert site_copy.read_bytes() == before
    assert "demo-moodle" in (tmp_path / "home" / ".env").read_text()
