"""The request log's file: whatever other processes and the disk do, a line that was taken reaches the database."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from alx_core.store.engine import connect
from alx_core.store.tables import request_log
from api_server import journal as module
from api_server.entry import LogEntry
from api_server.journal import Journal
from support.in_process import in_process
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.stack import wait_for

ENTRY = {"request_id": "bad", "timeaccessed": 1, "method": "POST", "ip_address": "127.0.0.1", "user_agent": "test"}
NO_ENTRIES = {
    "no UTF-8": b'{"request_id":"\xff"}',
    "no JSON": b"{",
    "a number": b"12345",
    "a list": b"[{}]",
    "brackets without end": b"[" * 200_000,
    "a field that is missing": b'{"request_id":"bad"}',
    "a field of another type": msgspec.json.encode({**ENTRY, "timeaccessed": "now"}),
    "half a character": msgspec.json.encode({**ENTRY, "method": "?"}).replace(b"?", b"\\ud800"),
    "a number too large for JSON": msgspec.json.encode(ENTRY).replace(b":1,", b":" + b"9" * 30 + b","),
    "a number too large for a column": msgspec.json.encode({**ENTRY, "http_status": 2**60, "method": "\0"}),
}
"""What a damaged disk, or somebody's editor, may leave in a file."""


def write(journal: Journal, request_id: str) -> None:
    journal.write(LogEntry(request_id, 1, "POST", "127.0.0.1", "test"))


def logged_ids(engine: Engine) -> set[str]:
    with connect(engine) as connection:
        return set(connection.scalars(select(request_log.c.request_id)))


def test_a_file_that_another_process_takes_for_an_orphans_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, taken = module.fcntl.flock, []

    def lock_too_late(file: Any, operation: int) -> None:
        if not taken:
            taken.append(file.name)
            Path(file.name).unlink()  # as the other one does, which found nobody's lock on it
        lock(file, operation)

    monkeypatch.setattr(module.fcntl, "flock", lock_too_late)
    with migrated_engine("sqlite", tmp_path) as engine:
        journal = Journal(tmp_path / "journal", engine.url)
        journal.start()
        write(journal, "one")
        journal.close()
        assert len(taken) == 1
        assert logged_ids(engine) == {"one"}


def test_a_large_file_is_replaced_while_requests_keep_coming_and_removed_when_it_is_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 10_000)
    with migrated_engine("sqlite", tmp_path) as engine:
        journal = Journal(tmp_path / "journal", engine.url)
        carry, written = journal._carry, []

        def carry_while_requests_come(path: Path, offset: int) -> int:
            end = carry(path, offset)
            for _ in range(20):
                written.append(f"request {len(written)}")
                write(journal, written[-1])
            return end

        monkeypatch.setattr(journal, "_carry", carry_while_requests_come)
        monkeypatch.setattr(module, "GATHER_S", 0.001)
        journal.start()
        write(journal, "first")
        first = next((tmp_path / "journal").iterdir())
        wait_for(lambda: not first.exists(), timeout_s=20, describe="the end of the first file")
        monkeypatch.undo()
        journal.close()
        assert logged_ids(engine) == {"first", *written}
        assert list((tmp_path / "journal").iterdir()) == []


def test_while_the_database_is_away_large_files_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 1000)
    monkeypatch.setattr(module, "GATHER_S", 0.001)
    monkeypatch.setattr(module, "RETRY_S", 0.001)
    tries = []

    def fail(_connection: Any, _rows: Any) -> None:
        tries.append(None)
        raise OperationalError("INSERT", None, Exception("away"))

    with migrated_engine("sqlite", tmp_path) as engine:
        journal = Journal(tmp_path / "journal", engine.url)
        journal.start()
        with monkeypatch.context() as away:
            away.setattr(module, "add_requests", fail)
            for number in range(100):
                write(journal, f"request {number}")
            seen = len(tries)
            wait_for(lambda: len(tries) > seen + 5, timeout_s=20, describe="tries")
            assert len(list((tmp_path / "journal").iterdir())) <= 2
        # A try that began while the database was away and ends after `close` leaves the rows to another process.
        wait_for(lambda: len(logged_ids(engine)) == 100, timeout_s=20, describe="all requests in the log")
        journal.close()
        assert len(logged_ids(engine)) == 100


def test_half_a_line_on_a_full_disk_is_taken_back_and_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_write, full = os.write, [True]

    def write_half(file: int, data: bytes) -> int:
        return system_write(file, data[: len(data) // 2] if full and full.pop() else data)

    with migrated_engine("sqlite", tmp_path) as engine:
        journal = Journal(tmp_path / "journal", engine.url)
        journal.start()
        monkeypatch.setattr(module.os, "write", write_half)
        with pytest.raises(OSError, match="No space left"):
            write(journal, "one")
        write(journal, "two")
        journal.close()
        assert logged_ids(engine) == {"two"}


@pytest.mark.parametrize("kind", KINDS_OF_DATABASE)
def test_what_is_no_entry_is_given_up_and_keeps_no_other_from_the_log(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    good = [msgspec.json.encode(LogEntry(f"good {number}", 1, "POST", "127.0.0.1", "test")) for number in range(3)]
    for number, bad in enumerate(NO_ENTRIES.values()):
        (folder / f"1-{number}.jsonl").write_bytes(b"\n".join([good[0], bad, good[1], b""]))
    (folder / "2-1.jsonl").write_bytes(good[2] + b"\n")
    with migrated_engine(kind, tmp_path) as engine, capture_logs() as logs:
        journal = Journal(folder, engine.url)
        journal.start()
        write(journal, "own")
        wait_for(lambda: not list(folder.glob("[12]-*")), timeout_s=20, describe="the end of the files left over")
        wait_for(lambda: "own" in logged_ids(engine), timeout_s=20, describe="the request in the log")
        assert not journal.is_behind
        journal.close()
        assert logged_ids(engine) - {"bad"} == {"good 0", "good 1", "good 2", "own"}
    assert {line["file"] for line in logs if line["event"] == "journal_lines_unreadable"} >= {
        f"1-{number}.jsonl" for number in range(7)
    }


def test_a_file_that_can_not_be_read_keeps_no_later_one_from_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    (folder / "1-1.jsonl").mkdir(parents=True)  # root may read whatever is a file
    (folder / "2-1.jsonl").write_bytes(msgspec.json.encode(LogEntry("later", 1, "POST", "127.0.0.1", "test")) + b"\n")
    with migrated_engine("sqlite", tmp_path) as engine, capture_logs() as logs:
        journal = Journal(folder, engine.url)
        journal.start()
        wait_for(lambda: logged_ids(engine) == {"later"}, timeout_s=20, describe="the later file's request in the log")
        journal.close()
    assert ("journal_file_left", "1-1.jsonl") in {(line["event"], line.get("file")) for line in logs}


def test_whatever_fails_in_a_round_the_next_one_comes_and_who_watches_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.001)
    monkeypatch.setattr(module, "GATHER_S", 0.001)
    with migrated_engine("sqlite", tmp_path) as engine, in_process(engine, tmp_path) as api:
        journal = api.journal

        def says() -> str:
            return str(api.client.simulate_get("/readyz").json["request_log"])

        with monkeypatch.context() as broken:
            broken.setattr(journal, "_rotate", lambda: 1 // 0)
            journal.start()
            wait_for(lambda: says() == "behind", timeout_s=20, describe="a round that failed")
            assert api.client.simulate_get("/readyz").json["status"] == "degraded"
        wait_for(lambda: says() == "written", timeout_s=20, describe="a round that did not fail")
        journal.close()
        assert says() == "behind", "nobody carries any more"
