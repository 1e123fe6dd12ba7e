"""The alerts about the sync: failed, stale, too many bad records. Pure rules over what the books and Dagster say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alx_core.domain.alerts import AlertName, Incident, Judgement, Observation, Severity
from alx_core.domain.clocks import is_of_the_future
from alx_core.domain.freshness import Freshness, SyncHealth

COMPANIES_NAMED = 20
ERROR_LENGTH = 600
"""Characters of a root cause in a message."""


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """A sync run that failed at `at` (epoch seconds). `companies` are the shortnames it failed for; empty: all."""

    at: int
    cause: str
    companies: Sequence[str] = ()
    run_id: str | None = None
    """Dagster's."""
    number: int | None = None
    """In the books; None: it died before it got there, or after they were closed."""

    def is_newer(self, success: "SyncSuccess | None", *, now: int) -> bool:
        """Whether it failed after `success`.

        Numbers tell, as they grow with each run. Without one, clocks do; a failure that a clock which ran ahead dated
        after `now` is told when that time has come, and a success dated so hides none.
        """
        if success is None:
            return True
        if self.number is not None:
            return self.number > success.number
        if is_of_the_future(self.at, now):
            return False
        return is_of_the_future(success.at, now) or self.at > success.at


@dataclass(frozen=True, slots=True)
class SyncSuccess:
    """An hourly sync that succeeded: its number in the books, and when it ended (epoch seconds)."""

    number: int
    at: int


@dataclass(frozen=True, slots=True)
class RunErrors:
    """What a sync run, Dagster's `run_id`, read: rows judged, and bad records among them, all and by shortname."""

    processed: int
    errors: int
    worst: Sequence[tuple[str, int]] = ()
    run_id: str | None = None


def failures_of(of_dagster: SyncFailure | None, booked: SyncFailure | None) -> list[SyncFailure]:
    """Return the failures that are known. Where both are the same run, the companies are those that the books name as
    failed; a run that came to none failed for all that it was asked for, which Dagster knows."""
    known = [each for each in (booked, of_dagster) if each is not None]
    if of_dagster and booked and of_dagster.run_id == booked.run_id:
        companies = booked.companies or of_dagster.companies
        return [replace(booked, at=max(of_dagster.at, booked.at), companies=companies)]
    return known


def judge_failure(
    failures: Sequence[SyncFailure],
    *,
    success: SyncSuccess | None,
    incident: Incident | None,
    companies: Sequence[str],
    dagster: str,
    now: int,
) -> Judgement:
    """`sync_failed`: a failure is newer than the newest success.

    `failures` are those that are known; `success` the newest hourly sync that succeeded; `companies` all there are. It
    is well again when a sync succeeded that had not when `incident` was last told, and not before.
    """
    alerts = frozenset({AlertName.SYNC_FAILED})
    newer = [each for each in failures if each.is_newer(success, now=now)]
    if newer:
        failure = max(newer, key=lambda each: each.at)
        return Judgement(alerts, [_failed(failure, companies, dagster, after=success)])
    is_over = success is not None and (incident is None or _is_over(incident, success))
    return Judgement(alerts, well=None if is_over else frozenset())


def _is_over(incident: Incident, success: SyncSuccess) -> bool:
    after = incident.details.get("after_sync")
    if after is not None:
        return success.number > int(after)
    failed_at = incident.details.get("failed_at")  # all that an older version noted
    return failed_at is None or success.at >= float(failed_at)


def _failed(failure: SyncFailure, companies: Sequence[str], dagster: str, *, after: SyncSuccess | None) -> Observation:
    named = failure.companies or companies
    whose = f"{len(failure.companies)} of {len(companies)} companies" if failure.companies else "every company"
    return Observation(
        AlertName.SYNC_FAILED,
        Severity.CRITICAL,
        title="The sync failed",
        message=f"It failed for {whose}: {_names(named)}. Cause: {shorten(failure.cause)}",
        recommendation=(
            "Mend the cause; `alx doctor` names what it finds. The next hour makes up for the failed one by itself, "
            "or start it at once: materialize the red hour in Dagit, or run `alx sync`."
        ),
        link=f"{dagster}/runs/{failure.run_id}" if failure.run_id else f"{dagster}/assets/reporting_table",
        details={
            "failed_at": failure.at,
            "after_sync": 0 if after is None else after.number,
            "cause": shorten(failure.cause),
            "companies": ", ".join(named),
        },
    )


def judge_staleness(health: SyncHealth, *, first_try_at: int | None, stale_after_s: float, dagster: str) -> Judgement:
    """`sync_stale`: no sync of the newest hour succeeded for longer than `stale_after_s` seconds.

    An installation that never synced is stale when its first try is so long ago; before any try there is nothing to
    say.
    """
    alerts = frozenset({AlertName.SYNC_STALE})
    if health.freshness is Freshness.FRESH:
        return Judgement(alerts)
    since = first_try_at if health.freshness is Freshness.NEVER else health.last_success_at
    if since is None or health.now - since <= stale_after_s:
        return Judgement(alerts, well=frozenset())
    hours = (health.now - since) / 3600
    if health.freshness is Freshness.NEVER:
        message = f"No hour was ever synced; the first try was {hours:.1f} hours ago."
    else:
        message = f"The newest hour is missing: reports show what Moodle said {hours:.1f} hours ago."
    return Judgement(
        alerts,
        [
            Observation(
                AlertName.SYNC_STALE,
                Severity.CRITICAL,
                title=f"No successful sync for {hours:.1f} hours",
                message=message,
                recommendation=(
                    "Look for failed or waiting runs in Dagit. No runs at all: is the daemon running, and the schedule "
                    "`hourly_sync_schedule` on? `alx status` tells from the table's own books."
                ),
                link=f"{dagster}/assets/reporting_table",
                details={"hours": round(hours, 2), "since": since, "limit_hours": round(stale_after_s / 3600, 2)},
            )
        ],
    )


def judge_error_rate(run: RunErrors | None, *, limit_pct: float, dagster: str) -> Judgement:
    """`sync_error_rate`: more than `limit_pct` percent of what the newest sync judged were bad records."""
    alerts = frozenset({AlertName.SYNC_ERROR_RATE})
    if run is None or run.processed == 0:
        return Judgement(alerts, well=frozenset())
    rate_pct = 100 * run.errors / run.processed
    if rate_pct <= limit_pct:
        return Judgement(alerts)
    worst = "; ".join(f"{name}: {errors:,}" for name, errors in run.worst)
    return Judgement(
        alerts,
        [
            Observation(
                AlertName.SYNC_ERROR_RATE,
                Severity.WARNING,
                title=f"{rate_pct:.1f} % bad records",
                message=(
                    f"{run.errors:,} of {run.processed:,} records in Moodle can't be right (limit {limit_pct:g} %). "
                    f"Rows that hang on them stay as they were.{f' {worst}.' if worst else ''}"
                ),
                recommendation=(
                    "See which records: `SELECT * FROM sync_errors ORDER BY id DESC`. Often an import wrote text where "
                    "a number belongs, or times in milliseconds: mend them in Moodle."
                ),
                link=f"{dagster}/runs/{run.run_id}" if run.run_id else f"{dagster}/assets/reporting_table",
                details={"errors": run.errors, "processed": run.processed, "rate_pct": round(rate_pct, 3)},
            )
        ],
    )


def shorten(text: str, length: int = ERROR_LENGTH) -> str:
    """Cut a text to `length` characters, and put it on one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:COMPANIES_NAMED])
    return f"{shown} and {len(names) - COMPANIES_NAMED} more" if len(names) > COMPANIES_NAMED else shown or "none known"
