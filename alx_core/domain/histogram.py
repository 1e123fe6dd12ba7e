"""Response times as a histogram that can be merged: the percentiles of a day are those of its hours put together.

The buckets grow by 5 % each and are the same everywhere, so merging is adding. A percentile is given as the geometric
middle of its bucket: at most 2.5 % from the exact one, at any load. (t-digest and HDR histogram do the same with more
code; neither can be filled by a GROUP BY.)
"""

import json
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

GROWTH = 1.05
LOWEST_MS = 0.01
"""What is quicker counts as nothing: no answer of a web server is."""
BUCKETS = 480

BOUNDS_MS = tuple(LOWEST_MS * GROWTH**power for power in range(BUCKETS))
"""Bucket i holds the times from BOUNDS_MS[i - 1] up to but not including BOUNDS_MS[i], 0.01 ms to 39 hours; the first
one, 0, all that is less, the last one all that is more. The database is given these very numbers, so that SQL and
Python agree on every time."""


def bucket_of(time_ms: float) -> int:
    """Return the bucket of a time; PostgreSQL's `width_bucket(time, BOUNDS_MS)` is the same function."""
    return bisect_right(BOUNDS_MS, time_ms)


def middle_ms(bucket: int) -> float:
    """Return the geometric middle of a bucket, milliseconds."""
    if bucket <= 0:
        return 0.0
    if bucket >= BUCKETS:
        return BOUNDS_MS[-1]
    return math.sqrt(BOUNDS_MS[bucket - 1] * BOUNDS_MS[bucket])


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many calls fell into each bucket; buckets without any are left out."""

    counts: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def merge(cls, histograms: Iterable[Self]) -> Self:
        """Put histograms together: the result is that of all their times at once."""
        total: Counter[int] = Counter()
        for each in histograms:
            total.update(each.counts)
        return cls(dict(total))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `dump` wrote."""
        return cls({int(bucket): int(calls) for bucket, calls in json.loads(text).items()})

    def dump(self) -> str:
        """Return the histogram as JSON, `{"bucket": calls}`, the same text for the same histogram."""
        return json.dumps({str(bucket): self.counts[bucket] for bucket in sorted(self.counts)}, separators=(",", ":"))

    @property
    def calls(self) -> int:
        """How many times were counted."""
        return sum(self.counts.values())

    def percentile_ms(self, percent: float, *, max_ms: float = math.inf) -> float:
        """Return the time that `percent` % of the calls did not exceed (nearest rank); 0 without calls.

        Within 2.5 % of the exact one from 0.01 ms up to 39 hours. `max_ms` is the longest time, where it is known: no
        percentile lies above it.
        """
        # PostgreSQL's percentile_disc and this have the same definition: the value at rank ceil(n * percent / 100).
        rank = max(1, math.ceil(self.calls * percent / 100))
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(middle_ms(bucket), max_ms)
        return 0.0
