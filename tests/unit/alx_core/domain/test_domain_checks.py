"""The asset checks: each fails for its own reason alone."""

import pytest

from alx_core.domain.checks import CHECKS, Check, CheckName, check_sync
from alx_core.domain.sync import SyncResult, TableFacts
from support.builders import COMPANY, NOW, make_company_result, make_sync_result

LIMIT_HOURS = 168.0


def judged(result: SyncResult, *, limit_hours: float = LIMIT_HOURS) -> dict[CheckName, Check]:
    return {each.name: each for each in check_sync(result, source_fresh_hours=limit_hours)}


def failures(result: SyncResult) -> set[CheckName]:
    return {name for name, check in judged(result).items() if not check.passed}


def test_a_sound_sync_passes_every_check() -> None:
    assert failures(make_sync_result(make_company_result())) == set()


def test_every_check_has_a_description_and_an_outcome_in_the_same_order() -> None:
    outcomes = check_sync(make_sync_result(make_company_result()), source_fresh_hours=LIMIT_HOURS)
    assert [each.name for each in outcomes] == list(CHECKS) == list(CheckName)


def test_the_names_are_those_that_dagit_and_the_alerts_know() -> None:
    assert [name.value for name in CheckName] == [
        "companies_ok",
        "row_count_matches_source",
        "no_duplicate_keys",
        "percentage_in_range",
        "completed_has_time",
        "source_fresh",
    ]


def test_a_company_that_failed_fails_companies_ok_by_name() -> None:
    bad = make_company_result(companyid=2, shortname="beta", error="disk full", unchanged=0)
    result = make_sync_result(make_company_result(), bad)
    assert failures(result) == {CheckName.COMPANIES_OK}
    assert judged(result)[CheckName.COMPANIES_OK].figures["beta"] == "disk full"


@pytest.mark.parametrize("rows", [9, 11, 0])
def test_a_company_with_more_or_fewer_rows_than_moodle_gives_it_is_named_with_the_difference(rows: int) -> None:
    result = make_sync_result(make_company_result(rows=10), table=TableFacts(rows={COMPANY: rows}))
    assert failures(result) == {CheckName.ROW_COUNT_MATCHES_SOURCE}
    assert judged(result)[CheckName.ROW_COUNT_MATCHES_SOURCE].figures["acme"] == rows - 10


def test_a_company_without_any_row_in_the_table_counts_as_0() -> None:
    result = make_sync_result(make_company_result(rows=10), table=TableFacts())
    assert judged(result)[CheckName.ROW_COUNT_MATCHES_SOURCE].figures["acme"] == -10


def test_the_rows_of_a_company_that_failed_are_not_compared() -> None:
    result = make_sync_result(make_company_result(rows=10, error="disk full"), table=TableFacts(rows={COMPANY: 3}))
    assert judged(result)[CheckName.ROW_COUNT_MATCHES_SOURCE].passed


def test_the_rows_of_a_company_with_bad_records_are_not_compared() -> None:
    result = make_sync_result(make_company_result(rows=10, errors=1), table=TableFacts(rows={COMPANY: 11}))
    assert judged(result)[CheckName.ROW_COUNT_MATCHES_SOURCE].passed


def test_companies_that_were_not_synced_are_not_compared() -> None:
    result = make_sync_result(make_company_result(), table=TableFacts(rows={COMPANY: 10, 2: 7}))
    assert failures(result) == set()


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        ("duplicate_keys", CheckName.NO_DUPLICATE_KEYS),
        ("percentage_out_of_range", CheckName.PERCENTAGE_IN_RANGE),
        ("completed_without_time", CheckName.COMPLETED_HAS_TIME),
    ],
)
def test_one_row_that_must_not_be_fails_its_check(fact: str, name: CheckName) -> None:
    result = make_sync_result(make_company_result(), table=TableFacts(rows={COMPANY: 10}, **{fact: 1}))
    assert failures(result) == {name}
    assert judged(result)[name].figures == {"rows": 1}


@pytest.mark.parametrize(
    ("age_s", "passed", "age_hours"),
    [(0, True, 0.0), (168 * 3600, True, 168.0), (169 * 3600, False, 169.0), (-50, True, 0.0)],
)
def test_a_source_is_fresh_up_to_the_limit(age_s: int, passed: bool, age_hours: float) -> None:
    check = judged(make_sync_result(make_company_result(), newest_change=NOW - age_s))[CheckName.SOURCE_FRESH]
    assert (check.passed, check.figures) == (passed, {"age_hours": age_hours, "limit_hours": LIMIT_HOURS})


def test_a_source_where_nothing_ever_happened_is_not_fresh() -> None:
    check = judged(make_sync_result(make_company_result(), newest_change=None))[CheckName.SOURCE_FRESH]
    assert (check.passed, check.figures["age_hours"]) == (False, None)


def test_only_a_stale_source_is_a_mere_warning() -> None:
    checks = judged(make_sync_result(make_company_result()))
    assert {name for name, check in checks.items() if check.is_warning} == {CheckName.SOURCE_FRESH}


def test_a_company_that_was_made_again_under_its_shortname_hides_nothing_of_the_other() -> None:
    first = make_company_result(companyid=1, shortname="acme", rows=10)
    twice = [first, make_company_result(companyid=2, shortname="acme", rows=5)]
    check = judged(make_sync_result(companies=twice, table=TableFacts(rows={1: 7, 2: 5})))
    assert check[CheckName.ROW_COUNT_MATCHES_SOURCE].figures == {"companies_differing": 1, "acme (1)": -3}
    failed = [make_company_result(companyid=each, shortname="acme", error="full") for each in (1, 2)]
    assert make_sync_result(companies=failed).failed == {"acme (1)": "full", "acme (2)": "full"}
