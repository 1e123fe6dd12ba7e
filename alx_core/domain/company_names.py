"""What companies are called where people read of several: by shortname, as far as that tells them apart."""

from collections import Counter
from collections.abc import Mapping


def tell_apart(shortnames: Mapping[int, str]) -> dict[int, str]:
    """Return each company's shortname by companyid, with the id behind it where another company has the same.

    A company that was deleted in IOMAD and made again under its shortname is another one, and both are in the books.
    """
    times = Counter(shortnames.values())
    return {each: name if times[name] == 1 else f"{name} ({each})" for each, name in shortnames.items()}
