"""Numbers, shares, durations and times as people read them: English, thousands with commas, no share rounded up to all.

Times are `<time>` elements with UTC inside; the page's script puts the viewer's zone there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup, escape

NONE = "–"  # noqa: RUF001  # the dash of a table cell without a figure
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
ALMOST_ALL_PCT = 99.9
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def number(value: float | None) -> str:
    """Return a whole number, as 1,234,567."""
    return NONE if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """Return a share with one decimal; only what is exactly 100 is 100 %, and only nothing is 0 %."""
    if value is None:
        return NONE
    if value in (0, 100):
        return f"{value:.0f} %"
    return "< 0.1 %" if value < 0.05 else f"{min(value, ALMOST_ALL_PCT):.1f} %"


def limit(value: float) -> str:
    """Return a threshold without needless decimals, as 95 or 2.5."""
    return f"{value:,.10g}"


def milliseconds(value: float | None) -> str:
    """Return a response time with about three digits, as 4.2 ms, 120 ms or 1.25 s."""
    if value is None:
        return NONE
    if value < 99.5:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    return f"{value / 1000:.2f} s" if value < 99_995 else duration(value / 1000)


def seconds(value: float | None) -> str:
    """Return how long something took, as 3.4 s or 2 min."""
    if value is None:
        return NONE
    return f"{value:.1f} s" if value < MINUTE_S else duration(value)


def duration(value_s: float) -> str:
    """Return a span with its two largest units, as 40 s, 12 min, 3 h 12 min or 2 d 4 h."""
    whole = max(0, int(value_s))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    large, small, names = (DAY_S, HOUR_S, ("d", "h")) if whole >= DAY_S else (HOUR_S, MINUTE_S, ("h", "min"))
    rest = whole % large // small
    return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")


def size(value_bytes: float) -> str:
    """Return bytes in the unit that fits, thousands of thousands: 1.2 MB."""
    unit = 0
    while value_bytes >= 999.5 and unit < len(UNITS) - 1:
        value_bytes /= 1000
        unit += 1
    return f"{value_bytes:,.0f} {UNITS[unit]}" if unit == 0 else f"{value_bytes:.1f} {UNITS[unit]}"


def plural(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun, as 1 company or 12 companies."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names in a sentence, as a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def code(text: str) -> Markup:
    """Return a text in which what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in enumerate(parts)
    )


def ago(at: int, now: int) -> Markup:
    """Return how long ago `at` was, the absolute time on hover."""
    return _time(at, "ago", f"{duration(now - at)} ago")


def clock(at: int) -> Markup:
    """Return the time of day, as 18:05 UTC."""
    return _time(at, "clock", f"{_utc(at):%H:%M} UTC")


def stamp(at: int) -> Markup:
    """Return date and time, as 24 Nov 18:05 UTC."""
    moment = _utc(at)
    return _time(at, "stamp", f"{moment.day} {moment:%b %H:%M} UTC")


def iso(at: int) -> str:
    """Return an instant for machines."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%SZ}"


def full(at: int) -> str:
    """Return date and time to the second."""
    moment = _utc(at)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def _time(at: int, form: str, text: str) -> Markup:
    return Markup('<time datetime="{}" data-form="{}" title="{}">{}</time>').format(iso(at), form, full(at), text)


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
