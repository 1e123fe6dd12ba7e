"""The tab Performance in words: its verdict and its cards."""

from collections.abc import Sequence

from markupsafe import Markup

from alx_core.domain.alerts import Severity
from alx_core.domain.freshness import Freshness
from alx_core.services.status.open_alerts import OpenAlert
from alx_core.services.status.performance import PerformanceView
from api_server.status import formatting as say
from api_server.status.cards import Card, Tone, Verdict

WINDOW = "last 24 h"
TOO_FEW = "Too few calls"


def judge_performance(view: PerformanceView) -> Verdict:
    """Return the tab in one sentence. The figures are of all companies and 24 hours, alerts of one and its newest hour:
    what is open goes first."""
    total = view.total
    if view.alerts:
        return _alerted(view.alerts)
    if not total.calls:
        return Verdict(Tone.IDLE, "No calls in the last 24 h", "Reports that refresh show here at once.")
    bad = [card for card in (_response_time(view), _success_rate(view), _cache_hit_rate(view)) if card.tone is Tone.BAD]
    warned = [card for card in (_response_time(view), _cache_hit_rate(view)) if card.tone is Tone.WARN]
    if bad or warned:
        names = [card.label.lower() for card in (*bad, *warned)]
        advice = "It is beyond its threshold." if len(names) == 1 else "They are beyond their thresholds."
        return Verdict(Tone.BAD if bad else Tone.WARN, f"Look at {say.listed(names)}", advice)
    answered = say.percent(total.success_pct)
    tone = Tone.GOOD if total.calls >= view.min_calls else Tone.IDLE
    return Verdict(tone, f"{answered} of {say.plural(total.calls, 'call')} answered, half within {_ms(total.p50_ms)}")


def _alerted(alerts: Sequence[OpenAlert]) -> Verdict:
    worst, others = alerts[0], len(alerts) - 1
    more = f" {say.plural(others, 'more alert')} of this kind: see Security." if others else ""
    tone = Tone.BAD if worst.severity is Severity.CRITICAL else Tone.WARN
    return Verdict(tone, worst.title, f"{worst.message}{more}")


def performance_cards(view: PerformanceView) -> list[Card]:
    """Return the five cards."""
    return [_calls(view), _response_time(view), _success_rate(view), _cache_hit_rate(view), _records(view)]


def _calls(view: PerformanceView) -> Card:
    total = view.total
    notes: list[str] = []
    if total.calls:
        notes.append(f"{say.number(total.errors)} of them refused")
    if view.busiest is not None:
        start = say.clock(view.busiest.starts_at)
        calls = say.number(view.busiest.figures.calls)
        notes.append(Markup("most in the hour from {}: {}").format(start, calls))
    tone, word = (Tone.GOOD, "In use") if total.calls else (Tone.IDLE, "Quiet")
    return Card("calls", "Calls", say.number(total.calls), WINDOW, tone, word, notes=tuple(notes))


def _response_time(view: PerformanceView) -> Card:
    total = view.total
    if total.mean_ms is None:
        tone, word = Tone.IDLE, "No calls"
    elif total.calls < view.min_calls:
        tone, word = Tone.IDLE, TOO_FEW
    else:
        tone, word = (Tone.BAD, "Slow") if total.mean_ms > view.slow_ms else (Tone.GOOD, "Fast")
    notes = (f"95 % within {_ms(total.p95_ms)}", f"mean {_ms(total.mean_ms)}") if total.calls else ()
    threshold = f"slow from a mean of {say.seconds(view.slow_ms / 1000)}"
    return Card("response-time", "Response time", _ms(total.p50_ms), f"median, {WINDOW}", tone, word, threshold, notes)


def _success_rate(view: PerformanceView) -> Card:
    total = view.total
    tone, word = _share(total.success_pct, view.success_limit_pct, total.calls, view.min_calls, low=Tone.BAD)
    threshold = f"low below {say.limit(view.success_limit_pct)} %"
    notes = (f"{say.number(total.calls - total.errors)} of {say.number(total.calls)} calls",) if total.calls else ()
    return Card("success-rate", "Success rate", say.percent(total.success_pct), WINDOW, tone, word, threshold, notes)


def _cache_hit_rate(view: PerformanceView) -> Card:
    total = view.total
    answered = total.calls - total.errors
    tone, word = _share(total.cache_hit_pct, view.cache_hit_limit_pct, answered, view.min_calls, low=Tone.WARN)
    threshold = f"low below {say.limit(view.cache_hit_limit_pct)} %"
    share = say.percent(total.cache_hit_pct)
    notes = ("of the answered calls",)
    return Card("cache-hit-rate", "Cache hit rate", share, WINDOW, tone, word, threshold, notes)


def _records(view: PerformanceView) -> Card:
    tone, word = {
        Freshness.FRESH: (Tone.GOOD, "Fresh"),
        Freshness.STALE: (Tone.BAD, "Stale"),
        Freshness.NEVER: (Tone.IDLE, "No sync yet"),
    }[view.health.freshness]
    served = f"{say.number(view.total.rows)} served, {WINDOW}"
    sent = f"{say.size(view.total.bytes)} sent, {WINDOW}"
    return Card("records", "Records", say.number(view.table_rows), "in the table, now", tone, word, "", (served, sent))


def _share(value: float | None, limit: float, judged: int, least: int, *, low: Tone) -> tuple[Tone, str]:
    if value is None:
        return Tone.IDLE, "No calls"
    if judged < least:
        return Tone.IDLE, TOO_FEW
    return (low, "Low") if value < limit else (Tone.GOOD, "OK")


def _ms(value: float | None) -> str:
    return say.milliseconds(value)
