"""What has to be written so that the table holds what it should: nothing more, nothing less."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alx_core.domain.changes import PERSONAL, Op, changes
from alx_core.domain.progress import CONTENT, KEY
from support.builders import (
    COMPANY,
    COURSE,
    LEARNER,
    Key,
    Row,
    by_key,
    make_report,
    make_report_row,
    make_stored,
    make_tombstone,
)

NOBODY = dict.fromkeys(PERSONAL, "")


def ops(expected: pl.DataFrame, stored: pl.DataFrame) -> list[Op]:
    return [Op(op) for op in changes(expected, stored)["op"]]


def test_a_new_key_is_inserted_into_an_empty_table() -> None:
    (row,) = changes(make_report(make_report_row()), make_stored()).to_dicts()
    assert row == {**make_report_row(), "op": Op.INSERT}


def test_a_new_key_is_inserted_beside_others() -> None:
    stored = make_stored(make_report_row(userid=LEARNER + 1))
    found = changes(make_report(make_report_row(), make_report_row(userid=LEARNER + 1)), stored).to_dicts()
    assert found == [{**make_report_row(), "op": Op.INSERT}]


def test_a_row_that_is_the_same_is_not_written() -> None:
    assert ops(make_report(make_report_row()), make_stored(make_report_row())) == []


def test_rows_with_an_unknown_percentage_are_the_same() -> None:
    row = make_report_row(percentage_x100=None)
    assert ops(make_report(row), make_stored(row)) == []


OTHER_VALUES = {
    "username": "grace", "firstname": "ada", "lastname": "Byron ", "email": "", "coursename": "safety",
    "timecompleted": 1, "timestarted": 1, "timeenrolled": 1, "percentage_x100": 1, "status": "in_progress",
    "activities_total": 3, "activities_completed": 1,
}  # fmt: skip


def test_the_values_below_cover_all_content() -> None:
    assert OTHER_VALUES.keys() == CONTENT.keys()


@pytest.mark.parametrize(("name", "value"), OTHER_VALUES.items())
def test_a_row_is_updated_when_it_differs_in(name: str, value: object) -> None:
    (row,) = changes(make_report(make_report_row(**{name: value})), make_stored(make_report_row())).to_dicts()
    assert row == {**make_report_row(**{name: value}), "op": Op.UPDATE}


@pytest.mark.parametrize(("before", "after"), [(None, 0), (0, None), (None, 10_000)])
def test_a_percentage_that_becomes_known_or_unknown_is_an_update(before: int | None, after: int | None) -> None:
    expected, stored = (make_report_row(percentage_x100=each) for each in (after, before))
    assert ops(make_report(expected), make_stored(stored)) == [Op.UPDATE]


def test_a_row_that_no_longer_qualifies_becomes_a_tombstone_without_personal_data() -> None:
    (row,) = changes(make_report(), make_stored(make_report_row(percentage_x100=50_00))).to_dicts()
    assert row == {**make_report_row(percentage_x100=50_00), **NOBODY, "op": Op.DELETE}


def test_personal_data_is_the_learners_name_and_address() -> None:
    assert set(PERSONAL) == {"username", "firstname", "lastname", "email"}


def test_a_tombstone_stays_as_it_is() -> None:
    assert ops(make_report(), make_stored(make_tombstone())) == []


@pytest.mark.parametrize("status", ["not_started", "in_progress"])
def test_a_tombstone_that_qualifies_again_is_revived_whatever_it_says(status: str) -> None:
    (row,) = changes(make_report(make_report_row()), make_stored(make_tombstone(status=status))).to_dicts()
    assert row == {**make_report_row(), "op": Op.REVIVE}


def test_a_tombstone_with_the_very_same_content_is_revived() -> None:
    row = make_report_row(**NOBODY)
    assert ops(make_report(row), make_stored({**row, "is_deleted": 1})) == [Op.REVIVE]


@pytest.mark.parametrize("name", KEY)
def test_rows_are_told_apart_by(name: str) -> None:
    expected = make_report_row(**{name: 999})
    assert sorted(ops(make_report(expected), make_stored(make_report_row()))) == [Op.INSERT, Op.DELETE]


# --- any two states of a table ---

keys = st.tuples(st.integers(COMPANY, COMPANY + 1), st.integers(LEARNER, LEARNER + 2), st.just(COURSE))
contents = st.fixed_dictionaries(
    {
        "firstname": st.sampled_from(["Ada", ""]),
        "percentage_x100": st.sampled_from([None, 0, 10_000]),
        "status": st.sampled_from(["not_started", "completed"]),
    }
)
states = st.dictionaries(keys, contents, max_size=6)
"""What a table holds: key -> content."""

few_examples = settings(max_examples=50)


def full(key: Key, content: Row) -> Row:
    return make_report_row(**dict(zip(KEY, key, strict=True)), **content)


def report(state: dict[Key, Row]) -> pl.DataFrame:
    return make_report(*(full(key, content) for key, content in state.items()))


def stored_rows(live: dict[Key, Row], dead: dict[Key, Row]) -> dict[Key, Row]:
    rows = {key: {**full(key, content), **NOBODY, "is_deleted": 1} for key, content in dead.items()}
    return rows | {key: {**full(key, content), "is_deleted": 0} for key, content in live.items()}


def applied(stored: dict[Key, Row], written: pl.DataFrame) -> dict[Key, Row]:
    """The table after the changes, each op doing what it says and refusing what it can't do."""
    table = dict(stored)
    for row in written.to_dicts():
        op, key = Op(row.pop("op")), tuple(row[name] for name in KEY)
        assert (op is Op.INSERT) == (key not in table)
        assert (op is Op.REVIVE) == (key in table and table[key]["is_deleted"] == 1)
        table[key] = {**row, "is_deleted": int(op is Op.DELETE)}
    return table


@few_examples
@given(wanted=states, live=states, dead=states)
def test_applying_the_changes_gives_the_table_that_is_wanted(
    wanted: dict[Key, Row], live: dict[Key, Row], dead: dict[Key, Row]
) -> None:
    before = stored_rows(live, dead)
    after = applied(before, changes(report(wanted), make_stored(*before.values())))
    qualifying = {key: row for key, row in after.items() if not row["is_deleted"]}
    assert qualifying == {key: {**full(key, content), "is_deleted": 0} for key, content in wanted.items()}
    for key in after.keys() - qualifying.keys():
        assert after[key] == {**before[key], **NOBODY, "is_deleted": 1}


@few_examples
@given(wanted=states, live=states, dead=states)
def test_only_rows_that_really_differ_are_written_and_none_of_them_twice(
    wanted: dict[Key, Row], live: dict[Key, Row], dead: dict[Key, Row]
) -> None:
    written = changes(report(wanted), make_stored(*stored_rows(live, dead).values()))
    same = {key for key, content in wanted.items() if live.get(key) == content}
    expected = {key for key in wanted if key not in same} | {key for key in live if key not in wanted}
    assert set(by_key(written)) == expected
    assert written.select(KEY).rows() == sorted(expected)


@few_examples
@given(wanted=states, live=states, dead=states)
def test_once_the_changes_are_applied_there_are_none(
    wanted: dict[Key, Row], live: dict[Key, Row], dead: dict[Key, Row]
) -> None:
    before = stored_rows(live, dead)
    after = applied(before, changes(report(wanted), make_stored(*before.values())))
    assert changes(report(wanted), make_stored(*after.values())).is_empty()


@few_examples
@given(wanted=states, live=states)
def test_the_order_in_which_the_table_is_read_does_not_matter(wanted: dict[Key, Row], live: dict[Key, Row]) -> None:
    rows = list(stored_rows(live, {}).values())
    forwards, backwards = (changes(report(wanted), make_stored(*each)) for each in (rows, rows[::-1]))
    assert forwards.equals(backwards)
