"""The alerts about who calls: quotas that run out, keys that are tried, unusual activity. Pure rules over counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from alx_core.domain.alerts import AlertName, Figures, Judgement, Observation, Severity
from alx_core.domain.quota import WARN_SHARE

ATTACK_FACTOR = 10
"""From this many times the limit on, refused keys are an attack and no longer a slip."""


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """A company's calls of the day that counted, and how many it may make; `limit` 0: any number."""

    companyid: int
    shortname: str
    calls: int
    limit: int


@dataclass(frozen=True, slots=True)
class Refusals:
    """Failed authentications of the last hour. `source`: `address` or `key`; `value`: the address or key's prefix."""

    source: str
    value: str
    failures: int

    @property
    def subject(self) -> str:
        """What the incident is called."""
        return f"{self.source} {self.value}"


@dataclass(frozen=True, slots=True)
class Unusual:
    """Something out of the ordinary that `services/unusual` found."""

    subject: str
    severity: Severity
    title: str
    message: str
    recommendation: str
    details: Figures
    companyid: int | None = None
    token_id: int | None = None


def judge_quotas(uses: Sequence[QuotaUse], *, resets_at: str, public: str) -> Judgement:
    """`rate_limit_exceeded`: warns from 80 % of a day's quota, critical when it is used up.

    `resets_at` says for people when the next day begins. Well again: the next day, or a higher limit.
    """
    alerts = frozenset({AlertName.RATE_LIMIT_EXCEEDED})
    near = [each for each in uses if each.limit > 0 and each.calls >= WARN_SHARE * each.limit]
    return Judgement(alerts, [_quota(each, resets_at, public) for each in near])


def _quota(use: QuotaUse, resets_at: str, public: str) -> Observation:
    is_used_up = use.calls >= use.limit
    share_pct = 100 * use.calls / use.limit
    effect = "Its calls are refused" if is_used_up else "Above it, its calls are refused"
    return Observation(
        AlertName.RATE_LIMIT_EXCEEDED,
        Severity.CRITICAL if is_used_up else Severity.WARNING,
        subject=use.shortname,
        companyid=use.companyid,
        title=f"{use.shortname} has used {'its quota' if is_used_up else f'{share_pct:.0f} % of its quota'}",
        message=f"{use.calls:,} of {use.limit:,} calls of the day. {effect} until {resets_at}.",
        recommendation=(
            f"More than it needs? See who calls. Else raise it, `alx company set {use.shortname} rate_limit=...`, "
            "or count a paged read as one call: `quota_mode=reads`."
        ),
        link=f"{public}/status?tab=security",
        details={"calls": use.calls, "limit": use.limit, "share_pct": round(share_pct, 1)},
    )


def judge_refusals(refusals: Sequence[Refusals], *, limit: int, public: str) -> Judgement:
    """`failed_auth`: `limit` or more failed authentications within an hour, from one address or with one key prefix."""
    alerts = frozenset({AlertName.FAILED_AUTH})
    return Judgement(alerts, [_refused(each, limit, public) for each in refusals if each.failures >= limit])


def _refused(each: Refusals, limit: int, public: str) -> Observation:
    is_attack = each.failures >= ATTACK_FACTOR * limit
    from_whom = f"from {each.value}" if each.source == "address" else f"with keys that begin with {each.value}"
    return Observation(
        AlertName.FAILED_AUTH,
        Severity.CRITICAL if is_attack else Severity.WARNING,
        subject=each.subject,
        title=f"{each.failures:,} failed authentications {from_whom}",
        message=f"{each.failures:,} calls {from_whom} were refused within an hour (limit {limit:,}).",
        recommendation=(
            "A report with an old or revoked token? `alx token list` shows prefixes; give it a new one. Nobody you "
            "know? Block the address at the proxy. Attempts are slowed already, and valid tokens are not affected."
        ),
        link=f"{public}/status?tab=security",
        details={"failures": each.failures, "limit": limit, each.source: each.value},
    )


def judge_unusual(found: Sequence[Unusual], *, public: str) -> Judgement:
    """`unusual_activity`: whatever was found in the last complete hour."""
    return Judgement(
        frozenset({AlertName.UNUSUAL_ACTIVITY}),
        [
            Observation(
                AlertName.UNUSUAL_ACTIVITY,
                each.severity,
                subject=each.subject,
                companyid=each.companyid,
                token_id=each.token_id,
                title=each.title,
                message=each.message,
                recommendation=each.recommendation,
                link=f"{public}/status?tab=security",
                details=each.details,
            )
            for each in found
        ],
    )
