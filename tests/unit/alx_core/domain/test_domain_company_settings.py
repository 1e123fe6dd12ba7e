"""The companies' settings: what may be set, and what counts when several say something."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.company_settings import KINDS, CompanySettings, QuotaMode, SyncMode, check_setting, resolve
from alx_core.domain.fields import FIELD_NAMES
from alx_core.errors import SettingsError

VALID = {
    "enabled": ("0", "1"), "rate_limit": ("0", "100", "1000000000"), "quota_mode": ("requests", "reads"),
    "max_records": ("1", "100000"), "cache_ttl_minutes": ("1", "1440", "10080"), "cache_enabled": ("0", "1"),
    "sync_mode": ("0", "1", "2", "3"), "sync_window_hours": ("1", "8760"), "first_sync_hours": ("0", "87600"),
    "allow_get": ("0", "1"), "field_email": ("0", "1"), "course_7": ("0", "1"),
}  # fmt: skip
WRONG = {
    "enabled": ("2", "yes", ""), "rate_limit": ("-1", "1e3", "1000000001", "\u0661", "5\n", " 5"),
    "quota_mode": ("Reads", ""), "max_records": ("0", "100001"), "cache_ttl_minutes": ("0", "10081", "1.5"),
    "sync_mode": ("4", "-1", "auto"), "sync_window_hours": ("0",), "first_sync_hours": ("-1",),
    "field_email": ("2",), "course_7": ("on",), "allow_get": ("true",), "cache_enabled": ("",),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in VALID.items() for value in values])
def test_what_makes_sense_may_be_set_and_is_used(name: str, value: str) -> None:
    check_setting(name, value)
    settings = resolve({name: value}, {})
    if name == "field_email":
        assert ("email" in settings.hidden_fields) is (value == "0")
    elif name == "course_7":
        assert (7 in settings.hidden_courses) is (value == "0")
    else:
        assert getattr(settings, name) == (value if name == "quota_mode" else int(value))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_and_says_what_is_possible(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be (a whole number|0 |one of)"):
        check_setting(name, value)


@pytest.mark.parametrize(
    "name", ["", "rate", "field_", "field_username", "course_", "course_0", "course_07", "course_x", "course_7\n",
             "course_\u0667", "course_" + "9" * 19]
)  # fmt: skip
def test_a_setting_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="There is no setting"):
        check_setting(name, "1")


def test_every_setting_has_a_default_that_may_be_set() -> None:
    for name, kind in KINDS.items():
        check_setting(name, kind.default)
    assert {name for name in KINDS if name.startswith("field_")} == {f"field_{name}" for name in FIELD_NAMES}
    own = {field.name for field in fields(CompanySettings)} - {"hidden_fields", "hidden_courses"}
    assert own == {name for name in KINDS if not name.startswith("field_")}


def test_the_defaults_are_those_of_the_plugin_but_for_full_reads() -> None:
    assert resolve({}, {}) == CompanySettings(
        enabled=True, rate_limit=100, quota_mode=QuotaMode.REQUESTS, max_records=1000, cache_ttl_minutes=60,
        cache_enabled=True, sync_mode=SyncMode.FULL, sync_window_hours=24, first_sync_hours=0, allow_get=False,
        alert_api_slow_ms=0, alert_cache_hit_pct=0,
        hidden_fields=frozenset(), hidden_courses=frozenset(),
    )  # fmt: skip


@pytest.mark.parametrize("name", VALID)
def test_a_companys_own_setting_wins_over_that_for_all_and_that_over_the_default(name: str) -> None:
    first, last = VALID[name][0], VALID[name][-1]
    assert resolve({name: first}, {name: last}) == resolve({name: first}, {})
    assert resolve({}, {name: last}) == resolve({name: last}, {})


def test_a_course_hidden_for_all_can_be_shown_by_one_company() -> None:
    assert resolve({"course_7": "1"}, {"course_7": "0", "course_8": "0"}).hidden_courses == {8}


@given(st.dictionaries(st.sampled_from([*VALID, "course_x", "old_name"]), st.text(max_size=5)))
def test_what_somebody_wrote_past_the_check_never_fails_a_request(stored: dict[str, str]) -> None:
    valid = {name: value for name, value in stored.items() if name in VALID and value in VALID[name]}
    if "rate_limit" not in stored and "max_records" not in stored:
        assert isinstance(resolve(stored, stored), CompanySettings)
    assert resolve({"rate_limit": "many"}, {"rate_limit": "7"}).rate_limit == 7
    assert resolve({**valid, "old_name": "1"}, {}) == resolve(valid, {})
