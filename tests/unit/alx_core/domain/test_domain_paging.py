"""What belongs to one paged read, what the next one shows, and when it may begin."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.clocks import CLOCKS_APART_S
from alx_core.domain.company_settings import CompanySettings, SyncMode, resolve
from alx_core.domain.paging import (
    IDLE_S,
    LAST_CALL_S,
    SESSION_S,
    SEVERAL_S,
    SNAPSHOT_KEPT_S,
    TOUCH_S,
    Position,
    ReadMode,
    Session,
    hidden_courses_in,
    is_newest,
    is_same_read,
    is_worth_noting,
    keeps_position,
    open_session,
    view_of,
)
from support.builders import NOW

FULL_MODES = (SyncMode.FULL, SyncMode.STATELESS)
CHANGING_MODES = (SyncMode.AUTO, SyncMode.INCREMENTAL)


def make_settings(**texts: object) -> CompanySettings:
    return resolve({name: str(value) for name, value in texts.items()}, {})


def make_session(**overrides: object) -> Session:
    """A full read of snapshot 7 that got its first page just now, and hides nothing."""
    session = Session(ReadMode.FULL, 7, 0, 0, NOW, NOW, None, reads_begun=1, view=view_of(make_settings()))
    return replace(session, **overrides)  # type: ignore[arg-type]


def opened(settings: CompanySettings, position: Position | None = None, now: float = NOW) -> Session:
    return open_session(settings, published_seq=9, position=position, now=now)


@pytest.mark.parametrize("mode", FULL_MODES)
def test_full_modes_give_everything_whatever_the_client_has(mode: SyncMode) -> None:
    session = opened(make_settings(sync_mode=mode.value), Position(5, NOW))
    assert (session.mode, session.snapshot_seq, session.since_seq, session.since_time) == (ReadMode.FULL, 9, 0, 0)


@pytest.mark.parametrize("mode", CHANGING_MODES)
def test_a_client_that_never_read_is_given_everything(mode: SyncMode) -> None:
    session = opened(make_settings(sync_mode=mode.value))
    assert (session.mode, session.since_seq, session.since_time) == (ReadMode.FULL, 0, 0)


@pytest.mark.parametrize("mode", CHANGING_MODES)
def test_first_sync_hours_bound_the_first_read_alone(mode: SyncMode) -> None:
    settings = make_settings(sync_mode=mode.value, first_sync_hours=2)
    first = opened(settings)
    assert (first.mode, first.since_seq, first.since_time) == (ReadMode.INCREMENTAL, 0, NOW - 7200)
    second = opened(settings, Position(5, NOW, view_of(settings)))
    assert (second.since_seq, second.since_time) == (5, 0)


@pytest.mark.parametrize(
    ("mode", "hours_ago", "expected"),
    [
        (SyncMode.AUTO, 3, ReadMode.INCREMENTAL),
        (SyncMode.AUTO, 3.001, ReadMode.FULL),
        (SyncMode.INCREMENTAL, 9999, ReadMode.INCREMENTAL),
    ],
)
def test_sync_window_hours_bound_auto_mode_alone(mode: SyncMode, hours_ago: float, expected: ReadMode) -> None:
    settings = make_settings(sync_mode=mode.value, sync_window_hours=3)
    position = Position(5, NOW, view_of(settings))
    session = opened(settings, position, now=NOW + hours_ago * 3600)
    assert session.mode is expected
    assert session.since_seq == (5 if expected is ReadMode.INCREMENTAL else 0)


@pytest.mark.parametrize("name", ["course_5", "field_email"])
def test_what_is_shown_again_is_given_in_full(name: str) -> None:
    hiding = make_settings(sync_mode=1, **{name: 0})
    showing = make_settings(sync_mode=1)
    assert opened(showing, Position(5, NOW, view_of(hiding))).mode is ReadMode.FULL
    assert opened(hiding, Position(5, NOW, view_of(hiding))).mode is ReadMode.INCREMENTAL


def test_other_settings_do_not_make_a_client_begin_anew() -> None:
    position = Position(5, NOW, view_of(make_settings(sync_mode=1)))
    assert opened(make_settings(sync_mode=0, rate_limit=7, max_records=9), position).mode is ReadMode.INCREMENTAL


def test_only_the_stateless_mode_leaves_the_position_alone() -> None:
    assert [mode for mode in SyncMode if not keeps_position(make_settings(sync_mode=mode.value))] == [
        SyncMode.STATELESS
    ]


@given(st.frozensets(st.integers(1, 10**18 - 1)))
def test_a_view_remembers_its_hidden_courses(courses: frozenset[int]) -> None:
    settings = make_settings(**{f"course_{each}": 0 for each in courses})
    assert hidden_courses_in(view_of(settings)) == courses
    assert hidden_courses_in("") == frozenset()


@pytest.mark.parametrize("mode", list(SyncMode))
def test_while_somebody_is_in_the_middle_another_read_joins(mode: SyncMode) -> None:
    settings, session = make_settings(sync_mode=mode.value), make_session()
    just_before = NOW + IDLE_S - 0.01
    assert is_same_read(session, settings, offset=0, published_seq=8, now=just_before)
    assert not is_same_read(session, settings, offset=0, published_seq=8, now=NOW + IDLE_S)


@pytest.mark.parametrize("mode", CHANGING_MODES)
def test_the_read_after_the_last_page_is_a_new_one(mode: SyncMode) -> None:
    finished = make_session(finished_at=NOW, reads_finished=1)
    settings = make_settings(sync_mode=mode.value)
    assert not is_same_read(finished, settings, offset=0, published_seq=7, now=NOW)
    assert is_same_read(finished, settings, offset=100, published_seq=8, now=NOW)


def test_a_read_that_finished_does_not_end_the_others() -> None:
    two = make_session(reads_begun=2, reads_finished=1, finished_at=NOW)
    assert two.is_going_on(NOW + IDLE_S - 0.01)
    assert not two.is_going_on(NOW + IDLE_S)


def test_several_reads_that_all_seem_to_have_ended_are_given_time_to_show_that_one_has_not() -> None:
    both = make_session(reads_begun=2, reads_finished=2, finished_at=NOW)
    assert both.is_going_on(NOW + SEVERAL_S - 0.01)
    assert not both.is_going_on(NOW + SEVERAL_S)
    a_page_of_one = replace(both, last_page_at=NOW + TOUCH_S + 1)
    assert a_page_of_one.is_going_on(NOW + SEVERAL_S)
    assert TOUCH_S < SEVERAL_S < IDLE_S


def test_a_read_that_ended_with_a_full_page_has_time_for_a_last_call() -> None:
    at_end = make_session(finished_at=NOW + 1)
    assert at_end.is_going_on(NOW + 1 + LAST_CALL_S - 0.01)
    assert not at_end.is_going_on(NOW + 1 + LAST_CALL_S)
    # With a second one in the middle nobody can say whose end it was.
    assert replace(at_end, reads_begun=2).is_going_on(NOW + IDLE_S)


def test_reads_that_never_let_go_of_a_snapshot_do_so_after_an_hour() -> None:
    assert make_session(opened_at=NOW - SESSION_S + 1).is_going_on(NOW)
    assert not make_session(opened_at=NOW - SESSION_S).is_going_on(NOW)


@pytest.mark.parametrize("mode", FULL_MODES)
def test_a_full_read_of_the_newest_rows_goes_on_after_its_end(mode: SyncMode) -> None:
    settings, session = make_settings(sync_mode=mode.value), make_session(finished_at=NOW, reads_finished=1)
    assert is_same_read(session, settings, offset=0, published_seq=7, now=NOW + 600)
    assert is_newest(session, settings, published_seq=7, now=NOW)
    assert not is_same_read(session, settings, offset=0, published_seq=8, now=NOW + 600)
    assert not is_newest(session, settings, published_seq=8, now=NOW)


@pytest.mark.parametrize("changed", [{"course_5": 0}, {"field_email": 0}])
def test_what_is_hidden_counts_for_the_next_read_not_for_the_next_page(changed: dict[str, object]) -> None:
    session, settings = make_session(), make_settings(**changed)
    assert not is_same_read(session, settings, offset=0, published_seq=7, now=NOW)
    assert is_same_read(session, settings, offset=9, published_seq=7, now=NOW)


@pytest.mark.parametrize("changed", [{"rate_limit": 7}, {"max_records": 9}, {"cache_enabled": 0}, {"sync_mode": 1}])
def test_a_setting_that_says_nothing_of_the_pages_takes_no_snapshot_from_those_in_the_middle(
    changed: dict[str, object],
) -> None:
    assert is_same_read(make_session(), make_settings(**changed), offset=0, published_seq=8, now=NOW)


def test_one_that_wants_everything_joins_no_read_of_changes() -> None:
    session = make_session(mode=ReadMode.INCREMENTAL, since_seq=3)
    for mode in SyncMode:
        is_same = is_same_read(session, make_settings(sync_mode=mode.value), offset=0, published_seq=7, now=NOW)
        assert is_same == (mode in CHANGING_MODES)


def test_a_snapshot_from_the_future_of_a_restored_database_is_dropped() -> None:
    assert not is_same_read(make_session(), make_settings(), offset=9, published_seq=6, now=NOW)
    assert not is_same_read(None, make_settings(), offset=9, published_seq=6, now=NOW)


@given(
    opened_ago=st.floats(0, SNAPSHOT_KEPT_S * 2),
    page_ago=st.floats(0, SNAPSHOT_KEPT_S * 2),
    finished_ago=st.none() | st.floats(0, SNAPSHOT_KEPT_S * 2),
)
def test_no_page_is_read_from_a_snapshot_whose_versions_may_be_gone(
    opened_ago: float, page_ago: float, finished_ago: float | None
) -> None:
    session = make_session(
        opened_at=NOW - opened_ago,
        last_page_at=NOW - page_ago,
        finished_at=None if finished_ago is None else NOW - finished_ago,
    )
    if session.is_alive(NOW) or session.is_going_on(NOW):
        assert opened_ago < SNAPSHOT_KEPT_S - SESSION_S


def test_pages_are_noted_seldom_and_ends_always() -> None:
    session = make_session()
    soon, later = NOW + TOUCH_S, NOW + TOUCH_S + 1

    def noted(session: Session, *, ends_read: bool = False, is_last: bool = False, now: float = soon) -> bool:
        return is_worth_noting(session, ends_read=ends_read, is_last=is_last, now=now)

    assert not noted(session)
    assert noted(session, now=later)
    assert noted(session, is_last=True)
    assert noted(session, is_last=True, ends_read=True)
    at_end = replace(session, finished_at=NOW)
    assert not noted(at_end, is_last=True)
    assert noted(replace(at_end, last_page_at=NOW + 1), is_last=True)  # another read has begun since
    assert noted(at_end, is_last=True, ends_read=True)


@pytest.mark.parametrize("noted", ["opened_at", "last_page_at", "finished_at"])
def test_a_read_noted_by_a_clock_that_ran_ahead_is_over(noted: str) -> None:
    ahead = make_session(**{noted: NOW + CLOCKS_APART_S + 1})
    assert not ahead.is_alive(NOW)
    assert not ahead.is_going_on(NOW)
    hosts_apart = make_session(**{noted: NOW + CLOCKS_APART_S})
    assert hosts_apart.is_alive(NOW)
    assert hosts_apart.is_going_on(NOW)
