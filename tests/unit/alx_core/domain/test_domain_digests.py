"""Digests: the same for the same rows in any order, another one whatever changes."""

from operator import xor

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.digests import COMPANY, COURSE, IN_NO_ROW, REST, Part, catalogue_digests, changed_parts, row_hash
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS, Snapshot, reporting_rows
from support.builders import (
    NOW,
    Row,
    make_course,
    make_course_completion,
    make_frame,
    make_module_completion,
    make_snapshot,
)
from support.ranges import snapshot_digest, table_digest

SITE = make_snapshot(
    course_modules_completion=[make_module_completion()], course_completions=[make_course_completion()]
)
CATALOGUE = [name for name in SNAPSHOT_COLUMNS if name not in LEARNER_TABLES]

SMALL = st.integers(0, 9)
"""Few values, so that rows are alike in all but one."""
VALUES = {
    "id": SMALL | st.integers(0, 2**31 - 1),
    "time": SMALL | st.integers(0, LAST_TIME),
    "text": st.sampled_from(["", "a", "|", "1|a", "A", "a "]) | st.text(max_size=9),
}


def value(table: str, column: str) -> st.SearchStrategy[object]:
    if (table, column) == ("course_completions", "timecompleted"):
        return VALUES["time"] | st.none()
    if SNAPSHOT_COLUMNS[table][column] == pl.String():
        return VALUES["text"] | st.none()
    return VALUES["time" if column.startswith("time") else "id"]


def row(table: str) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({column: value(table, column) for column in SNAPSHOT_COLUMNS[table]})


@st.composite
def tables(draw: st.DrawFn, *, rows: int = 1) -> tuple[str, list[Row]]:
    """Draw a table's name and `rows` or more of its rows."""
    table = draw(st.sampled_from(LEARNER_TABLES))
    return table, draw(st.lists(row(table), min_size=rows, max_size=8))


def digest(table: str, rows: list[Row]) -> tuple[int, int]:
    return table_digest(table, make_frame(table, rows))


@pytest.mark.slow
@given(drawn=tables(), data=st.data())
def test_one_value_that_changes_changes_the_digest(drawn: tuple[str, list[Row]], data: st.DataObject) -> None:
    table, rows = drawn
    column = data.draw(st.sampled_from(list(SNAPSHOT_COLUMNS[table])))
    other = data.draw(value(table, column).filter(lambda each: each != rows[0][column]))
    assert digest(table, [{**rows[0], column: other}, *rows[1:]]) != digest(table, rows)


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table in LEARNER_TABLES for column in SNAPSHOT_COLUMNS[table]]
)
def test_every_column_counts(table: str, column: str) -> None:
    (before,) = SITE[table].to_dicts()
    after = "another" if SNAPSHOT_COLUMNS[table][column] == pl.String() else 3
    assert digest(table, [{**before, column: after}]) != digest(table, [before])


@pytest.mark.slow
@given(drawn=tables(), data=st.data())
def test_a_row_that_comes_or_goes_changes_the_digest(drawn: tuple[str, list[Row]], data: st.DataObject) -> None:
    table, rows = drawn
    assert digest(table, [*rows, data.draw(row(table))]) != digest(table, rows) != digest(table, rows[1:])


@pytest.mark.parametrize("table", LEARNER_TABLES)
def test_every_column_counts_in_a_row_whose_ids_are_0(table: str) -> None:
    (row,) = SITE[table].to_dicts()
    before = {name: 0 if isinstance(found, int) else found for name, found in row.items()}
    digests = {digest(table, [{**before, name: "another" if isinstance(before[name], str) else 3}]) for name in before}
    assert len(digests | {digest(table, [before])}) == len(before) + 1


@pytest.mark.slow
@given(drawn=tables(rows=2), data=st.data())
def test_values_that_two_rows_exchange_change_the_digest(drawn: tuple[str, list[Row]], data: st.DataObject) -> None:
    """Two rows of one table differ in their first two columns at least: those are Moodle's unique keys."""
    table, (one, other, *rows) = drawn
    key = list(SNAPSHOT_COLUMNS[table])[: 1 if table == "user" else 2]
    assume([one[name] for name in key] != [other[name] for name in key])
    columns = data.draw(st.sets(st.sampled_from(list(SNAPSHOT_COLUMNS[table])), min_size=1))
    swapped = [
        {name: second[name] if name in columns else first[name] for name in first}
        for first, second in ((one, other), (other, one))
    ]
    assume(one not in swapped)
    assert digest(table, [*swapped, *rows]) != digest(table, [one, other, *rows])


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 16, 97])
def test_states_that_are_exchanged_crosswise_change_the_digest(step: int) -> None:
    """Two learners, two activities, all at the same time: each learner and each activity has as many done as before."""
    for learner in range(2, 400, 7):
        corners = [(learner, 5, 1), (learner, 5 + step, 3), (learner + step, 5, 3), (learner + step, 5 + step, 1)]
        before, after = (
            [
                make_module_completion(userid=each, coursemoduleid=module, completionstate=abs(state - turned))
                for each, module, state in corners
            ]
            for turned in (0, 4)
        )
        assert digest("course_modules_completion", before) != digest("course_modules_completion", after)


@pytest.mark.slow
@pytest.mark.parametrize("turned", ["+--+", "-++-", "+--+-++-"])
def test_activities_in_a_row_that_are_turned_to_and_fro_change_the_digest(turned: str) -> None:
    """As many done as before, at the same time: what is linear in an activity's id cancels out."""

    def total(learner: int, first: int, *, turns: bool) -> int:
        rows = ((first + place, (sign == "+") == turns) for place, sign in enumerate(turned))
        return sum(row_hash([learner, module, int(is_done), 1_790_000_000], xor) for module, is_done in rows)

    cases = [(learner, first) for learner in range(2, 20_000, 97) for first in range(8, 4_000, 40)]
    assert [case for case in cases if total(*case, turns=True) == total(*case, turns=False)] == []


@pytest.mark.slow
@given(drawn=tables())
def test_the_order_of_the_rows_does_not_matter(drawn: tuple[str, list[Row]]) -> None:
    table, rows = drawn
    assert digest(table, rows[::-1]) == digest(table, rows)


@given(table=st.sampled_from(LEARNER_TABLES), data=st.data())
def test_no_step_leaves_the_63_bits_of_a_databases_integer(table: str, data: st.DataObject) -> None:
    """As long as ids are below 2**31 and times have four-digit years; Python's integers would go on."""
    top = {name: LAST_TIME if name.startswith("time") else 2**31 - 1 for name in SNAPSHOT_COLUMNS[table]}
    numbers = [each for name, each in top.items() if SNAPSHOT_COLUMNS[table][name] != pl.String()]
    low = data.draw(st.tuples(*(st.integers(0, each) for each in numbers)))
    for values in (numbers, low):
        assert 0 <= row_hash([Bounded(each) for each in values], Bounded.__xor__) < 2**63


class Bounded(int):
    """An integer that refuses to grow beyond 63 bits."""

    def _of(self, number: int) -> "Bounded":
        assert 0 <= number < 2**63
        return Bounded(number)

    def __add__(self, other: int) -> "Bounded":
        return self._of(int(self) + int(other))

    def __mul__(self, other: int) -> "Bounded":
        return self._of(int(self) * int(other))

    def __mod__(self, other: int) -> "Bounded":
        return self._of(int(self) % int(other))

    def __xor__(self, other: int) -> "Bounded":
        return self._of(int(self) ^ int(other))


def test_the_digest_of_a_snapshot_has_all_learner_tables() -> None:
    digests = {snapshot_digest({**SITE, name: SITE[name].clear()}) for name in LEARNER_TABLES}
    assert len({*digests, snapshot_digest(SITE)}) == len(LEARNER_TABLES) + 1


# --- the catalogue ---


def part(table: str, id_: int = 77) -> Part:
    """The part of the catalogue to which a row of `table` with this id in all columns belongs."""
    if table == "modules":
        return REST
    return Part(COMPANY if table == "company" else COURSE, id_)


def changed(snapshot: Snapshot) -> set[Part]:
    return changed_parts(catalogue_digests(SITE), catalogue_digests(snapshot))


def with_row(table: str, row: Row) -> Snapshot:
    return {**SITE, table: pl.concat([SITE[table], make_frame(table, [row])])}


def test_courses_do_not_change_with_the_order_of_rows_or_tables() -> None:
    backwards = dict([(name, frame.reverse()) for name, frame in SITE.items()][::-1])
    assert changed(backwards) == set()


def test_courses_do_not_change_with_learners() -> None:
    assert changed({**SITE, **{name: SITE[name].clear() for name in LEARNER_TABLES}}) == set()


@pytest.mark.parametrize("table", CATALOGUE)
def test_a_row_more_or_less_changes_its_course_or_company_or_the_rest(table: str) -> None:
    row = {name: 77 if dtype == pl.Int64 else "text" for name, dtype in SNAPSHOT_COLUMNS[table].items()}
    more = with_row(table, row)
    assert changed(more) == changed_parts(catalogue_digests(more), catalogue_digests(SITE)) == {part(table)}


UNUSED = [(table, column) for table, columns in IN_NO_ROW.items() for column in columns]


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, each) for table in CATALOGUE for each in SNAPSHOT_COLUMNS[table] if (table, each) not in UNUSED],
)
def test_any_other_value_changes_a_course_or_company_or_the_rest(table: str, column: str) -> None:
    row = {name: 77 if dtype == pl.Int64 else "text" for name, dtype in SNAPSHOT_COLUMNS[table].items()}
    other = {**row, column: 78 if isinstance(row[column], int) else "other"}
    found = changed_parts(catalogue_digests(with_row(table, row)), catalogue_digests(with_row(table, other)))
    assert found
    assert found <= {part(table), part(table, 78)}


@pytest.mark.parametrize(("table", "column"), UNUSED)
def test_a_column_that_no_row_depends_on_changes_no_course_and_no_row(table: str, column: str) -> None:
    other = pl.lit(77) if SNAPSHOT_COLUMNS[table][column] == pl.Int64 else pl.lit("other")
    changed_site = {**SITE, table: SITE[table].with_columns(other.cast(SNAPSHOT_COLUMNS[table][column]).alias(column))}
    assert not SITE[table].equals(changed_site[table])
    assert changed(changed_site) == set()
    rows = reporting_rows(SITE, as_of=NOW)
    assert rows.height
    assert_frame_equal(reporting_rows(changed_site, as_of=NOW), rows)


@pytest.mark.parametrize("unreadable", [None, -1, -77])
def test_a_row_whose_course_or_company_cannot_be_read_belongs_to_the_rest(unreadable: int | None) -> None:
    assert changed(with_row("company_course", {"companyid": 1, "courseid": unreadable})) == {REST}
    assert changed(with_row("company", {"id": unreadable, "suspended": 0, "shortname": "", "name": ""})) == {REST}


def test_a_missing_title_and_an_empty_one_are_told_apart() -> None:
    titles = [
        {**SITE, "course": SITE["course"].with_columns(fullname=pl.lit(each, pl.String()))} for each in (None, "")
    ]
    assert changed_parts(*map(catalogue_digests, titles)) == {part("course", each) for each in SITE["course"]["id"]}


def test_what_one_row_says_is_never_taken_for_two() -> None:
    titles = ["a\n1|7|1|0|1|1|1|1|1|b", "a"]
    digests = [
        catalogue_digests({**SITE, "course": make_frame("course", [make_course(fullname=each)])}) for each in titles
    ]
    assert changed_parts(*digests)
