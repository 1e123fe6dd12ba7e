"""Frames on disk while a sync runs: nothing is lost or mixed up, and nothing stays behind."""

import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from errno import ENOSPC
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from alx_core.store import spool as spool_module
from alx_core.store.spool import BATCH_ROWS, BUFFER_BYTES, Spool, SpoolFolder

COMPANY = pl.col("companyid")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "spool"


@pytest.fixture
def spools(folder: Path) -> Iterator[SpoolFolder]:
    with SpoolFolder(folder) as made:
        yield made


@pytest.fixture
def spool(spools: SpoolFolder) -> Spool:
    return spools.spool()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_with_the_file(spool: Spool) -> None:
    file = spool.folder / "000000.arrow"
    file.symlink_to("/dev/full")
    spool.add(make_rows(1, 2), COMPANY)
    with pytest.raises(OSError, match="No space left on device") as caught:
        spool.count(1)
    assert (caught.value.errno, caught.value.filename) == (ENOSPC, str(file))


def make_rows(*companyids: int, first: int = 0) -> pl.DataFrame:
    """One row per companyid, numbered from `first` on."""
    return pl.DataFrame({"companyid": companyids, "number": range(first, first + len(companyids))}, schema=SCHEMA)


SCHEMA = {"companyid": pl.Int64(), "number": pl.Int64()}


def numbers(spool: Spool, key: int) -> list[int]:
    rows = spool.rows(key)
    return [] if rows is None else rows["number"].to_list()


def test_a_row_without_a_key_is_refused_and_not_lost(spool: Spool) -> None:
    spool.add(make_rows(1, 2), COMPANY)
    with pytest.raises(ValueError, match="1 rows have no key"):
        spool.add(make_rows(1, 2), COMPANY.replace(2, None))
    assert (numbers(spool, 1), numbers(spool, 2)) == ([0], [1])


# --- the folder ---


def test_the_folder_is_made_for_its_owner_alone(folder: Path) -> None:
    with SpoolFolder(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_is_gone_afterwards(folder: Path) -> None:
    with SpoolFolder(folder) as spools:
        spool = spools.spool()
        spool.add(make_rows(1), COMPANY)
        assert spool.count(1) == 1
        assert list(folder.rglob("*.arrow"))
    assert not folder.exists()
    assert folder.parent.is_dir()


def test_the_folder_is_gone_after_an_error_too(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), SpoolFolder(folder):
        _ = 1 / 0
    assert not folder.exists()


def test_what_a_killed_run_left_is_thrown_away(folder: Path) -> None:
    (folder / "0000").mkdir(parents=True, mode=0o755)
    (folder / "0000" / "000000.arrow").write_text("half a fi")
    folder.chmod(0o755)
    with SpoolFolder(folder) as spools:
        assert list(folder.rglob("*")) == []
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        spool = spools.spool()
        spool.add(make_rows(1), COMPANY)
        assert numbers(spool, 1) == [0]


def test_spools_of_one_folder_are_apart(spools: SpoolFolder) -> None:
    one, other = spools.spool(), spools.spool()
    one.add(make_rows(1), COMPANY)
    other.add(make_rows(1, first=7), COMPANY)
    assert (numbers(one, 1), numbers(other, 1)) == ([0], [7])


def test_dropping_a_spool_removes_its_files_and_no_others(spools: SpoolFolder, folder: Path) -> None:
    one, other = spools.spool(), spools.spool()
    for each in (one, other):
        each.add(make_rows(1), COMPANY)
        assert each.count(1) == 1
    spools.drop(one)
    assert len(list(folder.rglob("*.arrow"))) == 1
    assert numbers(other, 1) == [0]


# --- rows ---


def test_a_spool_without_rows_has_no_key(spool: Spool) -> None:
    spool.add(make_rows(), COMPANY)
    assert spool.count(1) == 0
    assert spool.rows(1) is None
    assert list(spool.batches([1])) == []


def test_rows_are_found_under_their_key_alone_in_the_order_in_which_they_came(spool: Spool) -> None:
    spool.add(make_rows(2, 1, 2, 3), COMPANY)
    spool.add(make_rows(3, 2, 1, first=10), COMPANY)
    assert {key: numbers(spool, key) for key in (1, 2, 3, 4)} == {1: [1, 12], 2: [0, 2, 11], 3: [3, 10], 4: []}
    assert [spool.count(key) for key in (1, 2, 3, 4)] == [2, 3, 2, 0]


def test_asking_for_a_key_without_rows_does_not_make_it_one_that_has_some(spool: Spool) -> None:
    spool.add(make_rows(1), COMPANY)
    assert list(spool.batches([9])) == []
    assert spool.count(9) == 0


def test_the_key_may_be_worked_out_and_does_not_show_in_the_rows(spool: Spool) -> None:
    spool.add(make_rows(10, 11, 25), COMPANY // 10)
    rows = spool.rows(1)
    assert rows is not None
    assert_frame_equal(rows, make_rows(10, 11))


def test_values_survive_with_their_types(spool: Spool) -> None:
    rows = pl.DataFrame(
        {"companyid": [1, 1], "text": ["名前\n\0", None], "op": [0, 3], "percentage_x100": [None, 2**62]},
        schema={"companyid": pl.Int64(), "text": pl.String(), "op": pl.Int8(), "percentage_x100": pl.Int64()},
    )
    spool.add(rows, COMPANY)
    found = spool.rows(1)
    assert found is not None
    assert_frame_equal(found, rows)


def many(count: int, *, first: int) -> pl.DataFrame:
    """Rows of two companies in turn."""
    return pl.DataFrame({"number": range(first, first + count)}, schema={"number": pl.Int64()}).select(
        (pl.col("number") % 2).alias("companyid"), "number"
    )


def test_more_rows_than_memory_should_hold_go_to_several_files_and_keep_their_order(spool: Spool, folder: Path) -> None:
    rows = BUFFER_BYTES // 24  # three columns of eight bytes with the key
    for index in range(3):
        spool.add(many(rows + 1, first=index * (rows + 1)), COMPANY)
    assert len(list(folder.rglob("*.arrow"))) >= 2
    assert numbers(spool, 1) == list(range(1, 3 * (rows + 1), 2))


def test_rows_are_handed_out_in_batches_of_about_the_size_that_a_statement_wants(spool: Spool) -> None:
    per_file = BUFFER_BYTES // 24 + 1
    for index in range(4):
        spool.add(many(per_file, first=index * per_file).with_columns(companyid=pl.lit(7, pl.Int64())), COMPANY)
    batches = list(spool.batches([7]))
    assert len(batches) > 1
    assert all(batch.height >= BATCH_ROWS for batch in batches[:-1])
    assert_frame_equal(pl.concat(batches), many(4 * per_file, first=0).with_columns(companyid=pl.lit(7, pl.Int64())))


def test_several_keys_share_a_batch_by_key_each_in_the_order_in_which_its_rows_came(spool: Spool, folder: Path) -> None:
    spool.add(make_rows(2, 1, 2, 3), COMPANY)
    assert spool.count(2) == 2
    spool.add(make_rows(3, 2, 1, first=10), COMPANY)
    (batch,) = spool.batches([3, 9, 1])
    assert len(list(folder.rglob("*.arrow"))) == 2
    assert batch["number"].to_list() == [1, 12, 3, 10]
    assert list(spool.batches([9, 8])) == []


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=5), st.sets(st.integers(0, 9)), st.integers(1, 4))
def test_whichever_keys_share_a_record_batch_those_asked_for_come_whole_and_no_others(
    frames: list[list[int]], keys: set[int], shared: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as home,
        SpoolFolder(Path(home) / "spool") as spools,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(spool_module, "SHARED_ROWS", shared)
        spool, every = spools.spool(), []
        for companyids in frames:
            rows = make_rows(*companyids, first=len(every))
            every += rows.rows()
            spool.add(rows, COMPANY)
            spool.count(0)  # a file of its own
        found = [row for batch in spool.batches(keys) for row in batch.rows()]
        assert found == sorted(row for row in every if row[0] in keys)
        assert {key: spool.count(key) for key in range(10)} == {key: len(numbers(spool, key)) for key in range(10)}


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=5))
def test_however_the_rows_come_each_key_gets_its_own_in_order(frames: list[list[int]]) -> None:

    with tempfile.TemporaryDirectory() as home, SpoolFolder(Path(home) / "spool") as spools:
        spool, every = spools.spool(), []
        for companyids in frames:
            rows = make_rows(*companyids, first=len(every))
            every += rows.rows()
            spool.add(rows, COMPANY)
        for key in range(5):
            assert numbers(spool, key) == [number for companyid, number in every if companyid == key]
            assert spool.count(key) == len(numbers(spool, key))


def test_several_threads_may_read_at_once(spool: Spool) -> None:
    for index in range(50):
        spool.add(make_rows(*range(20), first=index * 20), COMPANY)
    expected = {key: list(range(key, 1000, 20)) for key in range(20)}
    with ThreadPoolExecutor(8) as executor:
        for _ in range(10):
            found = dict(zip(expected, executor.map(lambda key: numbers(spool, key), expected), strict=True))
            assert found == expected
