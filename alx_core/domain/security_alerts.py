"""The alerts about who calls: quotas that run out, keys that are tried, unusual activity. Pure rules over counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alx_core.domain.alerts import AlertName, Judgement, Key, Observation, Severity
from alx_core.domain.quota import WARN_SHARE
from alx_core.domain.unusual import Finding, UnusualKind

ATTACK_FACTOR = 10
"""From this many times the limit on, refused keys are an attack and no longer a slip."""
WHO_CALLS = (
    "`SELECT token_id, ip_address, user_agent, count(*) FROM (SELECT * FROM local_alx_api_logs WHERE companyid = {} "
    "ORDER BY id DESC LIMIT 1000) AS calls GROUP BY 1, 2, 3`"
)
"""For people, to be run on the reporting database: whose the newest calls of a company are."""


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
            f"More than it needs? See who calls: {WHO_CALLS.format(use.companyid)}. Else raise it, "
            f"`alx company set {use.shortname} rate_limit=...`, or count a paged read as one call: `quota_mode=reads`."
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


def judge_unusual(findings: Sequence[Finding], *, shortnames: Mapping[int, str], public: str) -> Judgement:
    """`unusual_activity`: whatever was found. `shortnames` by companyid."""
    bad: dict[Key, Observation] = {}
    for finding in findings:
        shortname = shortnames.get(finding.companyid or 0, "no company")
        observation = UNUSUAL[finding.kind](finding, shortname, f"{public}/status?tab=security")
        bad.setdefault(observation.key, observation)
    return Judgement(frozenset({AlertName.UNUSUAL_ACTIVITY}), list(bad.values()))


def _volume(finding: Finding, shortname: str, link: str) -> Observation:
    calls, usual = finding.figures["calls"], finding.figures["usual"]
    return _unusual(
        finding,
        Severity.WARNING,
        subject=f"calls of {shortname}",
        title=f"{shortname} calls far more than usual",
        message=f"{calls:,} calls within the hour; at this hour of the week it is usually {usual:,g}.",
        recommendation=(
            "A refresh in a loop, or somebody else with its token? See who calls, and revoke the token if so: "
            f"{WHO_CALLS.format(finding.companyid)}."
        ),
        link=link,
    )


def _new_address(finding: Finding, shortname: str, link: str) -> Observation:
    return _unusual(
        finding,
        Severity.INFO,
        subject=f"token {finding.token_id} from {finding.address}",
        title=f"A token of {shortname} is used from a new address",
        message=f"Token {finding.token_id} came from {finding.address} for the first time.",
        recommendation=(
            "Known? Then there is nothing to do. Else `alx token revoke` it, and bind the next one to its addresses "
            "with `--allow-ip`."
        ),
        link=link,
    )


def _truncated(finding: Finding, shortname: str, link: str) -> Observation:
    rows, table_rows = finding.figures["rows"], finding.figures["table_rows"]
    return _unusual(
        finding,
        Severity.WARNING,
        subject=f"first page by token {finding.token_id}",
        title=f"A report of {shortname} shows only its first page",
        message=(
            f"The client of token {finding.token_id} read {rows:,} rows of {table_rows:,} and did not ask for the rest."
        ),
        recommendation=(
            "Let the report ask for further pages with `offset` until one is empty, or shorter than `limit`: "
            "docs/power-bi.md has such a query."
        ),
        link=link,
    )


UNUSUAL: dict[UnusualKind, Callable[[Finding, str, str], Observation]] = {
    UnusualKind.VOLUME: _volume,
    UnusualKind.NEW_ADDRESS: _new_address,
    UnusualKind.TRUNCATED_READER: _truncated,
}


def _unusual(
    finding: Finding, severity: Severity, *, subject: str, title: str, message: str, recommendation: str, link: str
) -> Observation:
    return Observation(
        AlertName.UNUSUAL_ACTIVITY,
        severity,
        subject=subject,
        title=title,
        message=message,
        recommendation=recommendation,
        link=link,
        details={"kind": finding.kind.value, "address": finding.address, **finding.figures},
        companyid=finding.companyid,
        token_id=finding.token_id,
    )
