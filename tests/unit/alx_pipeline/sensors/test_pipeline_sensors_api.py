"""What the sensors see of the API and of those who call it, tell once, and see end."""

from alx_core.domain.quota import usage_day
from alx_core.services.company_settings import change_settings
from alx_core.services.metrics import record_hours
from alx_core.store.access import charge
from alx_core.store.engine import transaction
from alx_pipeline.sensors import api_alert_sensor, security_alert_sensor
from support.requests import log_requests, make_refusal, make_request
from support.sensor_site import Site

# --- the API ---


def hour_start(site: Site) -> int:
    return int(site.now) // 3600 * 3600 - 3600


def record(site: Site) -> None:
    record_hours(site.engine, start=hour_start(site), end=hour_start(site) + 3600, now=int(site.now))


def test_a_slow_hour_is_seen_when_it_was_counted_and_over_with_the_next_good_one(site: Site) -> None:
    at = hour_start(site) + 60
    log_requests(site.engine, [make_request(at=at, response_time_ms=6000, cache_hit=1) for _ in range(20)])
    site.tick(api_alert_sensor)
    assert site.names() == []
    record(site)
    site.tick(api_alert_sensor)
    assert site.names() == [("api_slow", "acme")]
    site.now += 3600
    site.tick(api_alert_sensor)
    assert site.names() == [("api_slow", "acme")]
    log_requests(site.engine, [make_request(at=at + 3600, response_time_ms=10, cache_hit=1) for _ in range(20)])
    record(site)
    site.tick(api_alert_sensor)
    assert site.names() == []


def test_refused_keys_are_not_a_failing_api(site: Site) -> None:
    log_requests(site.engine, [make_refusal(at=hour_start(site) + 60) for _ in range(50)])
    record(site)
    site.tick(api_alert_sensor)
    assert site.names() == []


def test_a_company_whose_cache_is_off_is_not_judged_by_it(site: Site) -> None:
    log_requests(site.engine, [make_request(at=hour_start(site) + 60, cache_hit=0) for _ in range(20)])
    record(site)
    with transaction(site.engine) as connection:
        change_settings(connection, 1, {"cache_enabled": "0"}, now=int(site.now))
    site.tick(api_alert_sensor)
    assert site.names() == []
    with transaction(site.engine) as connection:
        change_settings(connection, 1, {"cache_enabled": "1"}, now=int(site.now))
    site.tick(api_alert_sensor)
    assert site.names() == [("api_cache_hit_rate", "acme")]


# --- who calls ---


def use_quota(site: Site, companyid: int, calls: int) -> None:
    with transaction(site.engine) as connection:
        for _ in range(calls):
            charge(connection, companyid, usage_day(site.now, site.settings.zone), limit=0)


def test_a_quota_is_seen_from_80_percent_on_and_over_the_next_day(site: Site) -> None:
    with transaction(site.engine) as connection:
        change_settings(connection, 1, {"rate_limit": "10"}, now=int(site.now))
    use_quota(site, 1, 7)
    site.tick(security_alert_sensor)
    assert site.names() == []
    use_quota(site, 1, 1)
    site.tick(security_alert_sensor)
    assert [(each["alert"], each["severity"]) for each in site.alerts()] == [("rate_limit_exceeded", "warning")]
    use_quota(site, 1, 2)
    site.tick(security_alert_sensor)
    assert [(each["subject"], each["severity"]) for each in site.alerts()] == [("acme", "critical")]
    site.now += 86_400
    site.tick(security_alert_sensor)
    assert site.names() == []


def test_refused_keys_are_seen_by_address_and_by_key_within_an_hour(site: Site) -> None:
    since = site.now - 3600
    log_requests(site.engine, [make_refusal(at=since - 1, key_prefix="old")] * 1)
    log_requests(
        site.engine,
        [make_refusal(at=since + each, key_prefix=f"k{each}", ip_address="192.0.2.66") for each in range(10)],
    )
    log_requests(
        site.engine,
        [make_refusal(at=since + each, key_prefix="dead", ip_address=f"192.0.2.{each}") for each in range(10)],
    )
    log_requests(
        site.engine,
        [make_request(at=since + each, outcome="accessexception", ip_address="192.0.2.77") for each in range(10)],
    )
    site.tick(security_alert_sensor, cursor=str(int(site.now)))
    assert site.names() == [("failed_auth", "address 192.0.2.66"), ("failed_auth", "key dead")]
    site.now += 30
    site.tick(security_alert_sensor, cursor=str(int(site.now)))
    assert site.names() == []


def call_from_a_new_address(site: Site) -> None:
    at = hour_start(site)
    log_requests(
        site.engine,
        [make_request(at=at - 7200, ip_address="192.0.2.1"), make_request(at=at + 60, ip_address="198.51.100.9")],
    )


def test_unusual_activity_is_looked_for_every_five_minutes(site: Site) -> None:
    call_from_a_new_address(site)
    cursor = str(int(site.now) - 299)
    assert site.tick(security_alert_sensor, cursor=cursor).cursor in (None, cursor)
    assert site.names() == []
    data = site.tick(security_alert_sensor, cursor=str(int(site.now) - 300))
    assert data.cursor == str(int(site.now))
    assert ("unusual_activity", "token 1 from 198.51.100.9") in site.names()


def test_a_clock_that_ran_ahead_does_not_end_the_search_for_unusual_activity(site: Site) -> None:
    call_from_a_new_address(site)
    data = site.tick(security_alert_sensor, cursor=str(int(site.now) + 1))
    assert data.cursor == str(int(site.now))
    assert ("unusual_activity", "token 1 from 198.51.100.9") in site.names()
