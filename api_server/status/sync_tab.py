"""The tab Auto-Sync in words: its verdict, its cards, its company table."""

from dataclasses import dataclass
from textwrap import shorten

from markupsafe import Markup

from alx_core.domain.company_state import CompanyState
from alx_core.domain.freshness import OVERDUE_AFTER_S, Freshness
from alx_core.services.status.sync import COUNTED, Run, SyncView
from api_server.status import formatting as say
from api_server.status.cards import Card, Tone, Verdict
from api_server.status.dagit import Dagit

LONGEST_CAUSE = 400
"""Characters of an error: some list tables and statements."""
LATE = f"late after {say.duration(OVERDUE_AFTER_S)}"


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a company's state is shown."""

    tone: Tone
    word: str


STATES = {
    CompanyState.FAILED: StateLook(Tone.BAD, "Failed"),
    CompanyState.STALE: StateLook(Tone.WARN, "Stale"),
    CompanyState.NEVER: StateLook(Tone.IDLE, "No data yet"),
    CompanyState.SYNCED: StateLook(Tone.GOOD, "Synced"),
    CompanyState.SUSPENDED: StateLook(Tone.IDLE, "Suspended"),
    CompanyState.GONE: StateLook(Tone.IDLE, "Gone from Moodle"),
}


def judge_syncs(view: SyncView) -> Verdict:
    """Return the tab in one sentence; what is worst comes first."""
    health, failed = view.health, _count(view, CompanyState.FAILED)
    if health.freshness is Freshness.NEVER:
        return _never(view)
    age = say.duration(health.age_s or 0)
    if health.freshness is Freshness.STALE:
        return Verdict(Tone.BAD, f"No sync for {age}", _stale_advice(view))
    if failed:
        what = f"{say.plural(failed, 'company', 'companies')} could not be synced"
        return Verdict(Tone.WARN, what, "Its rows are as they were. The next sync tries again.")
    if view.is_failing:
        return Verdict(Tone.WARN, "The last sync failed", _cause(view))
    if view.is_overdue:
        late = say.duration(health.now - view.due_at)
        return Verdict(Tone.WARN, f"The sync is {late} late", "Is Dagster running, and its schedule switched on?")
    return _synced(view, age)


def _synced(view: SyncView, age: str) -> Verdict:
    if view.success is not None and view.has_too_many_errors:
        share = say.percent(view.success.error_pct)
        advice = "Rows that hang on them are as they were, or missing. The table `sync_errors` names the records."
        return Verdict(Tone.WARN, f"{share} of the records in Moodle can't be right", advice)
    synced = _count(view, CompanyState.SYNCED)
    whose = f"{say.plural(synced, 'company', 'companies')} synced" if synced else "No company yet"
    return Verdict(Tone.GOOD, f"Up to date. {whose}, the last time {age} ago")


def sync_cards(view: SyncView, dagit: Dagit) -> list[Card]:
    """Return the four cards."""
    return [_companies(view), _last_sync(view, dagit), _next_sync(view, dagit), _status(view, dagit)]


def _never(view: SyncView) -> Verdict:
    if view.health.running_since is not None:
        if _has_succeeded(view):
            return Verdict(Tone.BUSY, "A sync is running", "The newest hour was never synced before.")
        return Verdict(Tone.BUSY, "The first sync is running", "Companies appear here as soon as it is done.")
    newest_hour = "The newest hour was never synced"
    if view.is_failing:
        headline = newest_hour if _has_succeeded(view) else "No sync has succeeded yet"
        return Verdict(Tone.BAD, headline, _cause(view))
    if _has_succeeded(view):
        advice = (
            "A rebuild or old hours fill the table. Start Dagster with `alx up`, or run `alx sync`, to keep it fresh."
        )
        return Verdict(Tone.IDLE, newest_hour, advice)
    return Verdict(Tone.IDLE, "No sync yet", "Start Dagster with `alx up`, or run `alx sync` once: it fills the table.")


def _has_succeeded(view: SyncView) -> bool:
    """Whether any run did, were it a rebuild or one of old hours: the newest one, or those that brought rows."""
    is_newest = view.attempt is not None and not view.is_failing
    return is_newest or any(_count(view, state) for state in (CompanyState.SYNCED, CompanyState.STALE))


def _stale_advice(view: SyncView) -> str:
    covered = view.health.covered_until
    shown = Markup("Reports show Moodle as it was at {}. ").format(say.stamp(covered)) if covered else Markup("")
    if view.health.running_since is not None:
        return shown + "A sync is running now."
    if view.is_failing:
        return shown + "The last sync failed. " + _cause(view)
    return shown + "Is Dagster running, and its schedule switched on?"


def _cause(view: SyncView) -> str:
    """Why the last run failed, in its own words, which say what to do; of companies, their rows say it."""
    attempt = view.attempt
    if attempt is None or attempt.error is None or attempt.companies_failed:
        return "`alx doctor` says what is wrong and how to mend it."
    return shorten(attempt.error, LONGEST_CAUSE, placeholder=" ... `alx status` shows all of it.")


def _companies(view: SyncView) -> Card:
    troubled = [state for state in (CompanyState.FAILED, CompanyState.STALE) if _count(view, state)]
    if not view.total:
        tone, word = Tone.IDLE, "None yet"
    elif troubled:
        tone, word = STATES[troubled[0]].tone, f"{_count(view, troubled[0])} {STATES[troubled[0]].word.lower()}"
    else:
        tone, word = Tone.GOOD, "All synced"
    counts = [f"{_count(view, state)} {STATES[state].word.lower()}" for state in COUNTED if _count(view, state)]
    return Card(
        "companies",
        "Companies",
        say.number(view.total),
        "in Moodle, now",
        tone,
        word,
        notes=tuple(filter(None, (f"{say.number(view.rows)} records", ", ".join(counts)))),
    )


def _last_sync(view: SyncView, dagit: Dagit) -> Card:
    health = view.health
    threshold = f"stale after {say.duration(view.stale_after_s)}"
    if health.last_success_at is None:
        whose = "of the newest hour" if _has_succeeded(view) else "no sync has succeeded"
        return Card("last-sync", "Last sync", "Never", whose, Tone.IDLE, "Waiting", threshold)
    is_fresh = health.freshness is Freshness.FRESH
    notes: list[str] = []
    if health.covered_until is not None:
        hour = Markup('covers the <a href="{}">hour up to {}</a>').format(
            dagit.hour(health.covered_until), say.clock(health.covered_until)
        )
        notes.append(hour)
    if view.success is not None:
        notes += _run_notes(view.success, view.error_limit_pct, dagit)
    return Card(
        "last-sync",
        "Last sync",
        say.ago(health.last_success_at, health.now),
        Markup("at {}").format(say.stamp(health.last_success_at)),
        Tone.GOOD if is_fresh else Tone.BAD,
        "Fresh" if is_fresh else "Stale",
        threshold,
        tuple(notes),
    )


def _run_notes(run: Run, error_limit_pct: float, dagit: Dagit) -> list[str]:
    changes = f"{say.number(run.created)} created, {say.number(run.updated)} updated, {say.number(run.deleted)} deleted"
    notes: list[str] = [changes + _run_link(run, dagit, Markup(" in "), say.seconds(run.seconds))]
    if run.errors:
        share = say.percent(run.error_pct)
        limit = say.limit(error_limit_pct)
        notes.append(f"{say.plural(run.errors, 'bad record')}, {share} of all (limit {limit} %)")
    return notes


def _run_link(run: Run, dagit: Dagit, before: Markup, text: str) -> Markup:
    if run.dagster_run_id is None:
        return before + text
    return before + Markup('<a href="{}">{}</a>').format(dagit.run(run.dagster_run_id), text)


def _next_sync(view: SyncView, dagit: Dagit) -> Card:
    health = view.health
    schedule = Markup('<a href="{}">five past each hour</a>').format(dagit.schedule())
    if health.running_since is not None:
        since = say.duration(health.now - health.running_since)
        window = Markup("since {}").format(say.clock(health.running_since))
        return Card("next-sync", "Next sync", f"Running, {since}", window, Tone.BUSY, "Running", notes=(schedule,))
    at = Markup("at {}").format(say.clock(health.next_sync_at))
    if view.is_overdue and view.latest is not None:
        late = say.duration(health.now - view.due_at)
        due = Markup("due at {}").format(say.clock(view.due_at))
        return Card("next-sync", "Next sync", f"{late} late", due, Tone.BAD, "Overdue", LATE, (schedule,))
    figure = f"in {say.duration(health.next_sync_at - health.now)}"
    if view.latest is None:
        notes = (schedule, "once Dagster runs")
        return Card("next-sync", "Next sync", figure, at, Tone.IDLE, "Waiting", notes=notes)
    return Card("next-sync", "Next sync", figure, at, Tone.GOOD, "Scheduled", LATE, (schedule,))


def _status(view: SyncView, dagit: Dagit) -> Card:
    health = view.health
    if health.running_since is not None:
        look = (Tone.BUSY, "Running", "Busy")
    elif health.freshness is Freshness.NEVER:
        look = (Tone.BAD, "Failing", "Problem") if view.is_failing else (Tone.IDLE, "Not started", "Waiting")
    elif health.freshness is Freshness.STALE:
        look = (Tone.BAD, "Failing" if view.is_failing else "Stalled", "Problem")
    elif view.is_failing or _count(view, CompanyState.FAILED):
        look = (Tone.WARN, "Failing", "Attention")
    elif view.is_overdue:
        look = (Tone.WARN, "Late", "Attention")
    elif view.has_too_many_errors:
        look = (Tone.WARN, "Bad records", "Attention")
    else:
        look = (Tone.GOOD, "Healthy", "OK")
    tone, figure, word = look
    return Card("status", "Status", figure, "now", tone, word, notes=_attempt_notes(view.attempt, dagit))


def _attempt_notes(attempt: Run | None, dagit: Dagit) -> tuple[str, ...]:
    if attempt is None:
        return ("no run so far",)
    ended = attempt.finished_at or attempt.started_at
    text = _run_link(attempt, dagit, Markup("last run "), attempt.status) + Markup(" at {}").format(say.stamp(ended))
    if attempt.status == "succeeded":
        return (text,)
    whose = f"{attempt.companies_failed} of {say.plural(attempt.companies, 'company', 'companies')} failed"
    return (text, whose) if attempt.companies_failed else (text,)


def _count(view: SyncView, state: CompanyState) -> int:
    found = view.states.get(state)
    return 0 if found is None else found.companies
