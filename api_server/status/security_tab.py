"""The tab Security in words: its verdict, its cards, and what error codes mean."""

from markupsafe import Markup

from alx_core.domain.alerts import Severity
from alx_core.services.status.security import SecurityView
from api_server.status import formatting as say
from api_server.status.cards import Card, Tone, Verdict

WINDOW = "last 24 h"

SEVERITIES = {Severity.CRITICAL: Tone.BAD, Severity.WARNING: Tone.WARN, Severity.INFO: Tone.IDLE}

MEANINGS = {
    "invalidtoken": "unknown or revoked token",
    "accessexception": "token expired, not for this address or function",
    "wsaccessuserdeleted": "token's owner is deleted",
    "wsaccessuserunconfirmed": "token's owner is unconfirmed",
    "wsaccessusersuspended": "token's owner is suspended",
    "wsaccessusernologin": "token's owner may not log in",
    "ratelimitexceeded": "quota of the day used up",
    "toomanyrequests": "too many requests in a minute",
    "nocompanyassociation": "token has no company, or it is switched off",
    "invalidparameter": "wrong parameter",
    "invalidrecord": "unknown function",
    "invalidrequestmethod": "GET is not allowed for the company",
    "limittoolarge": "more rows a page than allowed",
    "dbconnectionfailed": "reporting database did not answer",
    "servererror": "failed here; the API's own log says why",
    "invalidrequest": "request that can't be read",
    "requesttoolarge": "body too large",
    "http414": "address too long",
    "http431": "headers too large",
    "notfound": "no such path",
}
"""What error codes mean, for people."""


def judge_security(view: SecurityView) -> Verdict:
    """Return the tab in one sentence."""
    if view.suspicious:
        headline = f"{say.plural(view.suspicious, 'thing looks', 'things look')} suspicious"
        return Verdict(Tone.BAD, headline, _worst_suspect(view))
    if view.alerts_total:
        is_critical = any(alert.severity is Severity.CRITICAL for alert in view.alerts)
        verb = "alert is open" if view.alerts_total == 1 else "alerts are open"
        return Verdict(Tone.BAD if is_critical else Tone.WARN, f"{say.number(view.alerts_total)} {verb}", "")
    if view.used_up:
        companies = say.plural(view.used_up, "company has", "companies have")
        return Verdict(Tone.WARN, f"{companies} used up the quota of the day", "")
    return Verdict(Tone.GOOD, "Quiet. No alert is open, nobody looks suspicious")


def security_cards(view: SecurityView) -> list[Card]:
    """Return the four cards."""
    return [_tokens(view), _violations(view), _failed_auth(view), _suspicious(view)]


def _worst_suspect(view: SecurityView) -> str:
    if not view.suspects:
        return "See the open alerts below."
    worst = view.suspects[0]
    who = worst.value if worst.source == "address" else f"Keys that begin with {worst.value}"
    return f"{who}: {say.number(worst.failures)} failed authentications in an hour. Valid tokens are not affected."


def _tokens(view: SecurityView) -> Card:
    tokens = view.tokens
    if not tokens.active:
        tone, word = Tone.IDLE, "None"
    elif tokens.expiring:
        tone, word = Tone.WARN, "Expiring"
    else:
        tone, word = Tone.GOOD, "Valid"
    notes = (
        f"{say.number(tokens.expiring)} end within 14 days",
        f"{say.number(tokens.never_used)} never used",
        f"{say.number(tokens.expired)} expired, {say.number(tokens.revoked)} revoked",
        f"{say.number(tokens.blocked)} blocked: by their owner or company" if tokens.blocked else "",
    )
    figure = say.number(tokens.active)
    return Card("active-tokens", "Active tokens", figure, "now", tone, word, notes=tuple(filter(None, notes)))


def _violations(view: SecurityView) -> Card:
    used_up, near = view.used_up, view.near
    if used_up or view.refused:
        tone, word = (Tone.BAD, "Over") if used_up else (Tone.WARN, "Refused")
    else:
        tone, word = (Tone.WARN, "Near") if near else (Tone.GOOD, "None")
    notes = (
        f"{say.plural(used_up, 'company', 'companies')} over the quota today",
        f"{say.number(near)} above 80 %",
        Markup("quotas start anew at {}").format(say.clock(view.quota_resets_at)),
    )
    figure = say.number(view.refused)
    return Card("violations", "Rate-limit violations", figure, f"calls refused, {WINDOW}", tone, word, "", notes)


def _failed_auth(view: SecurityView) -> Card:
    failed = view.failed_auth
    if not failed.calls:
        tone, word = Tone.GOOD, "None"
    else:
        tone, word = (Tone.BAD, "Many") if view.suspects else (Tone.IDLE, "Few")
    notes = (f"from {say.plural(failed.addresses, 'address', 'addresses')}",) if failed.calls else ()
    threshold = f"many: {say.number(view.failed_auth_limit)} an hour from one address or key"
    figure = say.number(failed.calls)
    return Card("failed-auth", "Failed authentications", figure, WINDOW, tone, word, threshold, notes)


def _suspicious(view: SecurityView) -> Card:
    addresses, keys = view.suspect_addresses, view.suspect_keys
    notes = (
        f"{say.plural(addresses, 'address', 'addresses')} and {say.plural(keys, 'key')} with many failures",
        f"{say.number(view.unusual)} unusual activity, open",
        *(f"{each.value}: {say.number(each.failures)} in an hour" for each in view.suspects[:2]),
    )
    tone, word = (Tone.BAD, "Look") if view.suspicious else (Tone.GOOD, "Clear")
    return Card("suspicious", "Suspicious", say.number(view.suspicious), WINDOW, tone, word, "", notes)
