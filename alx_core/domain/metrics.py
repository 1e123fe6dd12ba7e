"""What the request log says of an hour: figures by company, from groups of log rows that the database counted.

Pure: the groups come from `alx_core/store/metrics.py`; who shows and judges the figures stands elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Self

from alx_core.domain.histogram import Histogram

NO_COMPANY = 0
"""`companyid` of requests that belong to no company: without a token, or with one that was refused."""

OK = "ok"
QUOTA_CODE = "ratelimitexceeded"
FAILED_AUTH_CODES = frozenset({"invalidtoken", "accessexception", "wsaccessusersuspended", "wsaccessuserdeleted"})
"""Outcomes of a refused token; `accessexception` is one only where no token was recognized: with one it means that the
token is not for this function."""


@dataclass(frozen=True, slots=True)
class Group:
    """Log rows of one hour, company, outcome and response-time bucket, counted. `total_us`: microseconds."""

    hour: int
    companyid: int
    outcome: str
    bucket: int
    calls: int
    cache_hits: int
    replays: int
    rows: int
    bytes: int
    charged: int
    failed_auth: int
    total_us: int
    max_ms: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests in figures; `rows` are rows served, `bytes` bodies as sent, `total_us` the sum of response times."""

    calls: int = 0
    cache_hits: int = 0
    replays: int = 0
    rows: int = 0
    bytes: int = 0
    charged: int = 0
    failed_auth: int = 0
    total_us: int = 0
    max_ms: float = 0.0
    errors_by_code: Mapping[str, int] = field(default_factory=dict)
    histogram: Histogram = field(default_factory=Histogram)

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """Put traffic together: of companies, or of hours."""
        traffic = list(parts)
        codes: Counter[str] = Counter()
        for each in traffic:
            codes.update(each.errors_by_code)
        return cls(
            calls=sum(each.calls for each in traffic),
            cache_hits=sum(each.cache_hits for each in traffic),
            replays=sum(each.replays for each in traffic),
            rows=sum(each.rows for each in traffic),
            bytes=sum(each.bytes for each in traffic),
            charged=sum(each.charged for each in traffic),
            failed_auth=sum(each.failed_auth for each in traffic),
            total_us=sum(each.total_us for each in traffic),
            max_ms=max((each.max_ms for each in traffic), default=0.0),
            errors_by_code=dict(sorted(codes.items())),
            histogram=Histogram.merge(each.histogram for each in traffic),
        )

    @property
    def errors(self) -> int:
        """Calls that were not answered with data."""
        return sum(self.errors_by_code.values())

    @property
    def successes(self) -> int:
        """Calls with outcome `ok`."""
        return self.calls - self.errors

    @property
    def quota_refusals(self) -> int:
        """Calls refused because the company's quota was used up, or its token hurried."""
        return self.errors_by_code.get(QUOTA_CODE, 0)

    @property
    def success_pct(self) -> float | None:
        """Successes in percent of the calls; None without calls."""
        return 100 * self.successes / self.calls if self.calls else None

    @property
    def cache_hit_pct(self) -> float | None:
        """Cache hits in percent of the successes; None without any. A refused call never asks the cache."""
        return 100 * self.cache_hits / self.successes if self.successes else None

    @property
    def mean_ms(self) -> float:
        """Mean response time, milliseconds; 0 without calls."""
        return self.total_us / 1000 / self.calls if self.calls else 0.0

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the response times, within 2.5 %, milliseconds; 0 without calls."""
        return self.histogram.percentile_ms(percent, max_ms=self.max_ms)


@dataclass(frozen=True, slots=True)
class HourMetrics:
    """One company's hour. `hour` is its start, epoch seconds; `addresses` counts distinct ones, so it never adds up."""

    hour: int
    companyid: int
    addresses: int
    traffic: Traffic


def fold(groups: Iterable[Group], addresses: Mapping[tuple[int, int], int]) -> list[HourMetrics]:
    """Fold groups into one HourMetrics per hour and company, in this order. `addresses` is by (hour, companyid)."""

    def key_of(group: Group) -> tuple[int, int]:
        return group.hour, group.companyid

    return [
        HourMetrics(*key, addresses=addresses.get(key, 0), traffic=Traffic.merge(map(_traffic_of, of_key)))
        for key, of_key in groupby(sorted(groups, key=key_of), key=key_of)
    ]


def _traffic_of(group: Group) -> Traffic:
    return Traffic(
        calls=group.calls,
        cache_hits=group.cache_hits,
        replays=group.replays,
        rows=group.rows,
        bytes=group.bytes,
        charged=group.charged,
        failed_auth=group.failed_auth,
        total_us=group.total_us,
        max_ms=group.max_ms,
        errors_by_code={} if group.outcome == OK else {group.outcome: group.calls},
        histogram=Histogram({group.bucket: group.calls}),
    )
