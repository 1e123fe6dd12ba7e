"""What each tab says in each situation: the worst first, and never a colour without a word."""

from dataclasses import replace
from typing import Any

import pytest

from alx_core.domain.alerts import AlertState, Severity
from alx_core.domain.company_state import CompanyState
from alx_core.domain.freshness import judge
from alx_core.services.status.open_alerts import OpenAlert
from alx_core.services.status.performance import Figures, PerformanceView
from alx_core.services.status.security import SecurityView, Violation
from alx_core.services.status.sync import CompanyPage, Run, SyncView
from alx_core.store.monitoring.refusals import FailedAuth, Suspect
from alx_core.store.monitoring.security import TokenCounts
from alx_core.store.monitoring.syncs import CompanyFilter, StateCount
from api_server.status.cards import Card, Tone
from api_server.status.dagit import Dagit
from api_server.status.performance_tab import judge_performance, performance_cards
from api_server.status.security_tab import judge_security, security_cards
from api_server.status.sync_tab import judge_syncs, sync_cards
from support.requests import HOUR

NOW = HOUR + 1_800
DAGIT = Dagit("http://dagit.example")


def make_health(last_success_at: int | None = NOW - 900, running_since: int | None = None) -> Any:
    covered = None if last_success_at is None else HOUR
    return judge(
        now=NOW,
        last_success_at=last_success_at,
        covered_until=covered,
        running_since=running_since,
        stale_after_s=7_200,
    )


def make_run(**overrides: Any) -> Run:
    run = Run(
        id=7, kind="hourly", status="succeeded", started_at=NOW - 909, finished_at=NOW - 900, seconds=8.6,
        window_end=HOUR, companies=3, companies_failed=0, processed=1_000, created=1, updated=2, deleted=3, errors=0,
        error=None, dagster_run_id="a/b",
    )  # fmt: skip
    return replace(run, **overrides)


def make_sync(**overrides: Any) -> SyncView:
    run = make_run()
    view = SyncView(
        health=make_health(), stale_after_s=7_200, error_limit_pct=5, is_overdue=False, due_at=HOUR + 300, latest=run,
        attempt=run, success=run, states={CompanyState.SYNCED: StateCount(3, 3, 1_234_567)}, days=[],
        companies=CompanyPage([], 0, 1, 1, CompanyFilter()),
    )  # fmt: skip
    return replace(view, **overrides)


NEVER: dict[str, Any] = {"health": make_health(None), "latest": None, "attempt": None, "success": None, "states": {}}
FAILED = make_run(status="failed", companies_failed=1)
REBUILT = {CompanyState.SYNCED: StateCount(3, 3, 9)}


@pytest.mark.parametrize(
    ("overrides", "tone", "headline"),
    [
        ({}, Tone.GOOD, "Up to date. 3 companies synced, the last time 15 min ago"),
        (NEVER, Tone.IDLE, "No sync yet"),
        ({**NEVER, "is_overdue": True}, Tone.IDLE, "No sync yet"),
        ({**NEVER, "health": make_health(None, NOW - 9)}, Tone.BUSY, "The first sync is running"),
        ({**NEVER, "health": make_health(None, NOW - 9), "states": REBUILT}, Tone.BUSY, "A sync is running"),
        ({**NEVER, "attempt": FAILED}, Tone.BAD, "No sync has succeeded yet"),
        ({**NEVER, "attempt": make_run(kind="rebuild")}, Tone.IDLE, "The newest hour was never synced"),
        ({**NEVER, "attempt": FAILED, "states": REBUILT}, Tone.BAD, "The newest hour was never synced"),
        ({"health": make_health(NOW - 11_525)}, Tone.BAD, "No sync for 3 h 12 min"),
        ({"attempt": FAILED}, Tone.WARN, "The last sync failed"),
        ({"states": {CompanyState.FAILED: StateCount(2, 2, 0)}}, Tone.WARN, "2 companies could not be synced"),
        ({"is_overdue": True}, Tone.WARN, "The sync is 25 min late"),
        ({"success": make_run(errors=51)}, Tone.WARN, "5.1 % of the records in Moodle can't be right"),
        ({"success": make_run(errors=50)}, Tone.GOOD, "Up to date"),
    ],
)
def test_auto_sync_says_the_worst_first(overrides: dict[str, Any], tone: Tone, headline: str) -> None:
    verdict = judge_syncs(make_sync(**overrides))
    assert verdict.tone is tone
    assert verdict.headline.startswith(headline)


@pytest.mark.parametrize(
    ("overrides", "figure", "tone"),
    [
        ({}, "Healthy", Tone.GOOD),
        (NEVER, "Not started", Tone.IDLE),
        ({"health": make_health(running_since=NOW - 5)}, "Running", Tone.BUSY),
        ({"health": make_health(NOW - 90_000)}, "Stalled", Tone.BAD),
        ({"health": make_health(NOW - 90_000), "attempt": FAILED}, "Failing", Tone.BAD),
        ({"attempt": FAILED}, "Failing", Tone.WARN),
        ({"is_overdue": True}, "Late", Tone.WARN),
        ({"success": make_run(errors=51)}, "Bad records", Tone.WARN),
        ({"success": make_run(errors=50)}, "Healthy", Tone.GOOD),
    ],
)
def test_the_status_card_is_one_word(overrides: dict[str, Any], figure: str, tone: Tone) -> None:
    card = sync_cards(make_sync(**overrides), DAGIT)[3]
    assert (card.figure, card.tone) == (figure, tone)


@pytest.mark.parametrize("overrides", [{}, {"health": make_health(NOW - 90_000)}, NEVER])
def test_a_sync_that_failed_says_why_wherever_it_stands(overrides: dict[str, Any]) -> None:
    def advice(**run: Any) -> str:
        return judge_syncs(make_sync(**{**overrides, "attempt": make_run(status="failed", **run)})).advice

    assert advice(error="spool/1: No space left on device.").endswith("spool/1: No space left on device.")
    assert "`alx doctor` says" in advice(error="acme: not allowed", companies_failed=1)
    assert "`alx doctor` says" in advice(error=None)
    cut = advice(error="GRANT SELECT " * 100)
    assert "GRANT SELECT ... `alx status` shows all of it." in cut
    assert len(cut) < 600


def test_a_stale_table_says_from_when_its_figures_are() -> None:
    advice = judge_syncs(make_sync(health=make_health(NOW - 90_000))).advice
    assert "Reports show Moodle as it was at" in advice
    assert "Is Dagster running" in advice


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({}, "no sync has succeeded"),
        ({"attempt": FAILED}, "no sync has succeeded"),
        ({"attempt": make_run(kind="rebuild")}, "of the newest hour"),
        ({"attempt": FAILED, "states": REBUILT}, "of the newest hour"),
    ],
)
def test_the_card_of_a_table_without_its_newest_hour_says_whether_anything_succeeded(
    overrides: dict[str, Any], said: str
) -> None:
    card = sync_cards(make_sync(**{**NEVER, **overrides}), DAGIT)[1]
    assert (card.figure, card.window) == ("Never", said)


def test_bad_records_stand_beside_their_threshold() -> None:
    card = sync_cards(make_sync(success=make_run(errors=50)), DAGIT)[1]
    assert "50 bad records, 5.0 % of all (limit 5 %)" in card.notes


def test_an_id_of_a_run_cannot_leave_its_place_in_the_address() -> None:
    card = sync_cards(make_sync(), DAGIT)[1]
    assert 'href="http://dagit.example/runs/a%2Fb"' in "".join(card.notes)


def make_figures(**overrides: Any) -> Figures:
    figures = Figures(
        calls=1_000, errors=10, rows=5, bytes=6, mean_ms=20.0, p50_ms=9.0, p95_ms=80.0, p99_ms=100.0, success_pct=99.0,
        cache_hit_pct=80.0,
    )  # fmt: skip
    return replace(figures, **overrides)


NO_CALLS = make_figures(
    calls=0, errors=0, mean_ms=None, p50_ms=None, p95_ms=None, p99_ms=None, success_pct=None, cache_hit_pct=None
)


def make_performance(total: Figures) -> PerformanceView:
    return PerformanceView(
        health=make_health(), now=NOW, since=NOW - 86_400, total=total, slow_ms=5_000, success_limit_pct=95,
        cache_hit_limit_pct=70, min_calls=20, table_rows=1_234_567, busiest=None, hours=[], alerts=[], consumers=[],
        consumers_total=0, counted_until=None, quota_resets_at=NOW + 9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("severities", "tone", "advice"),
    [
        ([Severity.WARNING], Tone.WARN, "30 calls took 6.7 s on average."),
        ([Severity.CRITICAL], Tone.BAD, "30 calls took 6.7 s on average."),
        (
            [Severity.WARNING] * 3,
            Tone.WARN,
            "30 calls took 6.7 s on average. 2 more alerts of this kind: see Security.",
        ),
    ],
)
def test_an_open_alert_about_the_api_goes_before_figures_of_all_companies_that_are_well(
    severities: list[Severity], tone: Tone, advice: str
) -> None:
    alerts = [
        OpenAlert(
            id=n, alert="api_slow", subject="acme", severity=each, state=AlertState.OPEN, company="Acme",
            title="The API is slow for acme", message="30 calls took 6.7 s on average.", recommendation="", link="",
            occurrences=1, opened_at=NOW, last_seen_at=NOW,
        )
        for n, each in enumerate(severities)
    ]  # fmt: skip
    verdict = judge_performance(replace(make_performance(make_figures()), alerts=alerts))
    assert (verdict.tone, verdict.headline, verdict.advice) == (tone, "The API is slow for acme", advice)


@pytest.mark.parametrize(
    ("total", "card", "word", "tone", "verdict"),
    [
        (make_figures(), "response-time", "Fast", Tone.GOOD, "99.0 % of 1,000 calls answered, half within 9.0 ms"),
        (make_figures(mean_ms=5_000.0), "response-time", "Fast", Tone.GOOD, "99.0 %"),
        (make_figures(mean_ms=5_000.1), "response-time", "Slow", Tone.BAD, "Look at response time"),
        (make_figures(success_pct=94.9), "success-rate", "Low", Tone.BAD, "Look at success rate"),
        (make_figures(success_pct=95.0), "success-rate", "OK", Tone.GOOD, "95.0 %"),
        (make_figures(cache_hit_pct=69.9), "cache-hit-rate", "Low", Tone.WARN, "Look at cache hit rate"),
        (make_figures(calls=19, errors=9, success_pct=50.0), "success-rate", "Too few calls", Tone.IDLE, "50.0 %"),
        (make_figures(calls=29, errors=10, cache_hit_pct=1.0), "cache-hit-rate", "Too few calls", Tone.IDLE, "99.0 %"),
        (NO_CALLS, "response-time", "No calls", Tone.IDLE, "No calls in the last 24 h"),
    ],
)
def test_a_figure_is_judged_by_its_threshold_and_only_when_there_are_enough_calls(
    total: Figures, card: str, word: str, tone: Tone, verdict: str
) -> None:
    view = make_performance(total)
    found = next(each for each in performance_cards(view) if each.key == card)
    assert (found.word, found.tone) == (word, tone)
    assert judge_performance(view).headline.startswith(verdict)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"cache_hit_pct": 1.0}, ("Look at cache hit rate", "It is beyond its threshold.")),
        (
            {"success_pct": 1.0, "cache_hit_pct": 1.0},
            ("Look at success rate and cache hit rate", "They are beyond their thresholds."),
        ),
        (
            {"mean_ms": 9_000.0, "success_pct": 1.0, "cache_hit_pct": 1.0},
            ("Look at response time, success rate and cache hit rate", "They are beyond their thresholds."),
        ),
    ],
)
def test_figures_beyond_their_thresholds_are_named_in_a_sentence(
    overrides: dict[str, Any], said: tuple[str, str]
) -> None:
    verdict = judge_performance(make_performance(make_figures(**overrides)))
    assert (verdict.headline, verdict.advice) == said


def make_security(**overrides: Any) -> SecurityView:
    view = SecurityView(
        health=make_health(), now=NOW, since=NOW - 86_400, tokens=TokenCounts(3, 0, 0, 0, 0, 0, 0),
        failed_auth=FailedAuth(0, 0), failed_auth_limit=10, refused=0, suspects=[], suspect_addresses=0, suspect_keys=0,
        violations=[], violations_total=0, used_up=0, near=0, errors=[], alerts=[],
        alerts_total=0, unusual=0, quota_resets_at=NOW + 9,
    )  # fmt: skip
    return replace(view, **overrides)


SUSPECT = Suspect("address", "192.0.2.1", 64, HOUR)
USED_UP = Violation(1, "acme", "Acme", 100, 100, 100.0, 3, NOW, NOW + 9)


@pytest.mark.parametrize(
    ("overrides", "tone", "headline"),
    [
        ({}, Tone.GOOD, "Quiet. No alert is open"),
        ({"suspects": [SUSPECT], "suspect_addresses": 1, "alerts_total": 4}, Tone.BAD, "1 thing looks suspicious"),
        ({"unusual": 2}, Tone.BAD, "2 things look suspicious"),
        ({"alerts_total": 1}, Tone.WARN, "1 alert is open"),
        ({"violations": [USED_UP], "used_up": 1}, Tone.WARN, "1 company has used up the quota"),
    ],
)
def test_security_says_the_worst_first(overrides: dict[str, Any], tone: Tone, headline: str) -> None:
    verdict = judge_security(make_security(**overrides))
    assert verdict.tone is tone
    assert verdict.headline.startswith(headline)


@pytest.mark.parametrize(
    "cards",
    [
        sync_cards(make_sync(), DAGIT),
        sync_cards(make_sync(**NEVER), DAGIT),
        performance_cards(make_performance(make_figures())),
        performance_cards(make_performance(NO_CALLS)),
        security_cards(make_security()),
        security_cards(
            make_security(suspects=[SUSPECT], suspect_addresses=1, violations=[USED_UP], used_up=1, refused=3)
        ),
    ],
)
def test_every_card_has_a_window_and_a_word_beside_its_colour(cards: list[Card]) -> None:
    assert all(card.window and card.word and card.figure for card in cards)
    assert len({card.key for card in cards}) == len(cards)
