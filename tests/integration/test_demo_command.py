"""`alx demo` fills a table of its own and never touches somebody else's."""

import json
import re
import socket
import stat
import subprocess
from pathlib import Path

from sqlalchemy.engine import URL

from alx_core.store.engine import make_engine
from support.command import Command
from support.databases import plain
from support.site import live_rows
from support.stack import ALX, Stack


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
    assert len(command.run("token", "import-moodle", "--json").json["tokens"]) == 14
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


def test_the_demo_makes_a_token_for_each_company_and_shows_the_same_ones_again(tmp_path: Path) -> None:
    command = Command(tmp_path / "home", ALX_API_BIND="0.0.0.0:8123")
    first = command.run("demo", "--learners", "150", "--no-serve").stdout
    kept = json.loads((command.home / "demo-tokens.json").read_text())
    listed = command.run("token", "list", "--json").json
    assert {row["shortname"]: row["prefix"] for row in listed} == {name: token[:8] for name, token in kept.items()}
    assert len(kept) == len(listed) == 14
    for shortname, token in kept.items():
        assert re.search(rf"^{shortname} +[\d,]+ +{token}", first, re.MULTILINE)
    assert stat.S_IMODE((command.home / "demo-tokens.json").stat().st_mode) == 0o600
    again = command.run("demo", "--learners", "150", "--no-serve")
    assert first[first.index("One token") :] == again.stdout[again.stdout.index("One token") :]
    assert "http://127.0.0.1:8123/status" in again.stderr


def test_the_demos_curl_is_whole_and_asks_for_the_largest_companys_rows(tmp_path: Path) -> None:
    command = Command(tmp_path / "home")
    said = command.run("demo", "--learners", "150", "--no-serve").stdout
    companies = command.run("company", "list", "--json").json
    largest = max(companies, key=lambda each: each["row_count"])["shortname"]
    token = json.loads((command.home / "demo-tokens.json").read_text())[largest]
    curl = " ".join(said[said.index("curl ") :].replace("\\\n", " ").split())
    assert curl == (
        f"curl http://127.0.0.1:8000/webservice/rest/server.php -d wstoken={token} "
        "-d wsfunction=local_alx_report_api_get_course_progress -d moodlewsrestformat=json -d limit=5"
    )


def test_a_demo_token_that_was_revoked_is_made_anew(tmp_path: Path) -> None:
    command = Command(tmp_path / "home")
    command.run("demo", "--learners", "150", "--no-serve")
    kept = json.loads((command.home / "demo-tokens.json").read_text())
    command.run("token", "revoke", "--all-of", "mirai")
    command.run("demo", "--learners", "150", "--no-serve")
    now = json.loads((command.home / "demo-tokens.json").read_text())
    assert {name for name, token in now.items() if token != kept[name]} == {"mirai"}


def test_a_demo_that_cannot_be_served_says_so_before_it_makes_anything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = Command(tmp_path / "home", ALX_API_BIND=f"127.0.0.1:{port}", ALX_DAGSTER_BIND="127.0.0.1:1")
        done = command.run("demo", "--learners", "150")
    assert done.code == 1
    assert f"127.0.0.1:{port} is in use" in done.stderr
    assert "ALX_API_BIND" in done.stderr
    assert not command.home.exists()


def test_all_that_the_program_makes_is_for_its_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    home = tmp_path / "home"
    demo = [ALX, "demo", "--learners", "150", "--no-serve"]
    done = subprocess.run(demo, env=Stack(home, {}).env(), cwd=tmp_path, umask=0o000, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {home, *home.rglob("*")}
    assert {home / ".env", home / "alx.sqlite"} <= made
    assert any(each.parent.parent == home / "dagster" for each in made)
    assert [each for each in made if stat.S_IMODE(each.stat().st_mode) & 0o077] == []


def test_a_home_and_a_database_that_were_made_for_a_group_stay_open_to_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o750)
    (home / "alx.sqlite").touch(mode=0o640)
    done = Stack(home, {}).alx("migrate")
    assert done.returncode == 0, done.stderr
    assert count(home / "alx.sqlite") == 0
    assert [stat.S_IMODE(each.stat().st_mode) for each in (home, home / "alx.sqlite")] == [0o750, 0o640]
