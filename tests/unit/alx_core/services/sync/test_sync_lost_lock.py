"""A sync whose lock goes away with its connection stops writing as soon as another one has begun."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import alx_core.services.sync.run as module
from alx_core.errors import SyncLocked
from support.frame_site import Site, two_companies, wanted_content
from support.reporting_databases import migrated_engine
from support.stack import wait_for

pytestmark = pytest.mark.slow

LOCKS = """
FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def with_first_names(name: str) -> list[dict[str, object]]:
    return [{**row, "firstname": name} for row in two_companies()["user"].to_dicts()]


def cut_locks(engine: Engine) -> int:
    """End the connections that hold a lock, and wait until they have let it go; return how many they were."""

    def count(what: str) -> int:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count({what}) {LOCKS}")).scalar_one())

    cut = count("pg_terminate_backend(pid)")
    wait_for(lambda: count("pid") == 0, timeout_s=20, describe="the end of the locks")
    return cut


@pytest.mark.parametrize("step", ["forget_changed", "note_digests"])
def test_a_sync_without_its_lock_leaves_the_table_to_the_one_that_took_its_place(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        late, other = Site(engine, tmp_path / "late"), Site(engine, tmp_path / "other")
        late.sync()
        late.change(user=with_first_names("Before"))
        other.change(user=with_first_names("After"))
        real, cut = getattr(module, step), []

        def overtaken(*arguments: object, **named: object) -> object:
            if not cut:
                cut.append(cut_locks(engine))
                other.sync()
            return real(*arguments, **named)

        monkeypatch.setattr(module, step, overtaken)
        with pytest.raises(SyncLocked, match="another one has begun"):
            late.sync()
        assert cut == [1]
        assert other.content() == wanted_content(other.source.snapshot, other.now)
        other.sync()
        assert other.content() == wanted_content(other.source.snapshot, other.now)
