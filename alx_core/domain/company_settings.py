"""What can be set for each company: names, defaults, what a value may be, and what it means for the API.

A setting that a company does not have takes the value of company 0 (`alx company set --all`), else the default here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from alx_core.domain.fields import FIELD_NAMES
from alx_core.errors import SettingsError

EVERY_COMPANY = 0
"""The companyid under which settings for all companies are kept."""

COURSE_SETTING = re.compile(r"course_([1-9][0-9]{0,17})")
"""A course id fits into 64 bits."""


class SyncMode(IntEnum):
    """What a client is given; the numbers are the plugin's."""

    AUTO = 0
    """Changes since the last read, or everything when that is longer ago than `sync_window_hours`."""
    INCREMENTAL = 1
    """Changes since the last read, however long ago."""
    FULL = 2
    """Everything, each time: what a Power BI import needs, because it replaces its table."""
    STATELESS = 3
    """Everything, and the client's position stays where it was."""


class QuotaMode(StrEnum):
    """What counts against the daily quota."""

    REQUESTS = "requests"
    """Each request, as the plugin counts."""
    READS = "reads"
    """Each read: later pages of one paged read, and the same page again within two minutes, are free."""


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """The settings of one company, as the API uses them."""

    enabled: bool
    rate_limit: int
    quota_mode: QuotaMode
    max_records: int
    cache_ttl_minutes: int
    cache_enabled: bool
    sync_mode: SyncMode
    sync_window_hours: int
    first_sync_hours: int
    allow_get: bool
    alert_api_slow_ms: int
    alert_cache_hit_pct: int
    hidden_fields: frozenset[str]
    hidden_courses: frozenset[int]


@dataclass(frozen=True, slots=True)
class SettingKind:
    """A setting's default, what it means, and how a text becomes its value (ValueError: what it must be)."""

    default: str
    meaning: str
    parse: Callable[[str], object]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 (off) or 1 (on)")
    return text == "1"


def _quota_mode(text: str) -> QuotaMode:
    if text not in list(QuotaMode):
        raise ValueError(f"one of {', '.join(QuotaMode)}")
    return QuotaMode(text)


def _sync_mode(text: str) -> SyncMode:
    return SyncMode(_whole(0, 3)(text))


KINDS: dict[str, SettingKind] = {
    "enabled": SettingKind("1", "0 refuses the company's tokens with `nocompanyassociation`", _switch),
    "rate_limit": SettingKind("100", "Requests a day; 0 = unlimited", _whole(0, 10**9)),
    "quota_mode": SettingKind("requests", "`requests`, or `reads`: repeats and later pages are free", _quota_mode),
    "max_records": SettingKind("1000", "Rows a page may have; a higher `limit` is refused", _whole(1, 100_000)),
    "cache_ttl_minutes": SettingKind("60", "Minutes a cached page lives at most", _whole(1, 10_080)),
    "cache_enabled": SettingKind("1", "0 builds each page anew", _switch),
    "sync_mode": SettingKind("2", "0 auto, 1 incremental, 2 full, 3 full without state", _sync_mode),
    "sync_window_hours": SettingKind("24", "Auto mode: hours after which all is given again", _whole(1, 8_760)),
    "first_sync_hours": SettingKind("0", "First incremental read: rows of these hours; 0 = all", _whole(0, 87_600)),
    "allow_get": SettingKind("0", "1 accepts GET on Moodle's endpoint", _switch),
    "alert_api_slow_ms": SettingKind("0", "Mean that makes `api_slow`; 0 = the installation's", _whole(0, 600_000)),
    "alert_cache_hit_pct": SettingKind("0", "Percent for `api_cache_hit_rate`; 0 = the installation's", _whole(0, 100)),
    **{f"field_{name}": SettingKind("1", f"0 hides the field `{name}`", _switch) for name in FIELD_NAMES},
}  # fmt: skip
"""Every setting but `course_<id>`, which is 1 (shown) for every course, new ones included, until it is set to 0."""


def check_setting(name: str, value: str) -> None:
    """Raise SettingsError, which says what is possible, unless the setting exists and may have the value."""
    parse = _switch if COURSE_SETTING.fullmatch(name) else KINDS[name].parse if name in KINDS else None
    if parse is None:
        raise SettingsError(f"There is no setting {name!r}. There are: {', '.join(KINDS)}, course_<id>.")
    try:
        parse(value)
    except ValueError as error:
        raise SettingsError(f"{name} must be {error}, not {value!r}.") from None


def resolve(own: Mapping[str, str], for_all: Mapping[str, str]) -> CompanySettings:
    """Combine a company's own settings, those for all companies, and the defaults.

    Unknown names are passed over, and so are values that somebody wrote past `check_setting`: one wrong text must not
    fail each of a company's requests.
    """
    defaults = {name: kind.default for name, kind in KINDS.items()}
    texts = {**defaults, **_valid(for_all), **_valid(own)}
    values = {name: kind.parse(texts[name]) for name, kind in KINDS.items() if not name.startswith("field_")}
    courses = {int(found[1]): value for name, value in texts.items() if (found := COURSE_SETTING.fullmatch(name))}
    return CompanySettings(
        **values,  # type: ignore[arg-type]  # each kind's parser returns the field's type; a test compares the names
        hidden_fields=frozenset(name for name in FIELD_NAMES if texts[f"field_{name}"] == "0"),
        hidden_courses=frozenset(courseid for courseid, value in courses.items() if value == "0"),
    )


def _valid(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in texts.items() if _is_valid(name, value)}


def _is_valid(name: str, value: str) -> bool:
    try:
        check_setting(name, value)
    except SettingsError:
        return False
    return True
