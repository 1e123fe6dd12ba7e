"""Histograms made of times, as the database makes them of the request log."""

from collections import Counter
from collections.abc import Iterable

from alx_core.domain.histogram import Histogram, bucket_of


def histogram_of(times_ms: Iterable[float]) -> Histogram:
    """Count times, milliseconds."""
    return Histogram(dict(Counter(map(bucket_of, times_ms))))
