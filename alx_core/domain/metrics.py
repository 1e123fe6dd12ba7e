"""What the request log says of an hour: a company's traffic in figures that can be put together.

Pure: `alx_core/store/metrics.py` has the figures counted in the database; who shows and judges them stands elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from alx_core.domain.histogram import Histogram
from alx_core.domain.outcomes import QUOTA_USED_UP

NO_COMPANY = 0
"""`companyid` of requests that belong to no company: without a token, or with one that was refused."""


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
        """Calls refused because the company's quota was used up."""
        return self.errors_by_code.get(QUOTA_USED_UP, 0)

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
