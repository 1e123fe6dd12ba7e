"""From where a token may be used: Moodle's list of networks, as in its `iprestriction` field."""

import ipaddress
import re
from functools import lru_cache

from alx_core.errors import SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

GROUP = re.compile(r"[0-9A-Fa-f]{1,4}")
CIDR = re.compile(r"([^/]+)/\s*([0-9]{1,3})")
LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
KNOWN = 4096
"""Answers that are remembered: most requests come from few addresses."""
LAST_GROUP_RANGE = re.compile(r"(.+[.:])([0-9A-Fa-f]{1,4})\s*-\s*([0-9A-Fa-f]{1,4})")


@lru_cache(maxsize=KNOWN)
def is_allowed(address: str, networks: str) -> bool:
    """Whether `address` lies in one of the comma-separated `networks`; an empty text allows every address.

    Source: `address_in_subnet()` in Moodle's lib/moodlelib.php: full address, CIDR, range in the last group
    (`10.0.0.10-20`), or the first groups of an address (`192.168` or `192.168.`). Spaces around a part and leading
    zeros of a decimal one count for nothing, as in `cleanremoteaddr()`. An entry that is none of these matches nothing,
    and neither does a list without an entry (`,`): Moodle refuses everybody then, and so do we.
    """
    if not networks:
        return True
    wanted = [entry.strip() for entry in networks.split(",") if entry.strip()]
    parsed = parse_address(address)
    return parsed is not None and any(_matches(parsed, entry) for entry in wanted)


@lru_cache(maxsize=KNOWN)
def parse_address(text: str) -> Address | None:
    """Parse an address; an IPv4 one in IPv6 dress (`::ffff:10.0.0.1`) is taken for what it is. None: not an address.

    A zone (`fe80::1%eth0`) is left out: it names an interface of one machine, and may be any text.
    """
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address


def _parse_written(text: str) -> Address | None:
    """Parse an address as people write it into a list: `010.0.0.1` is decimal. A client's own must be exact."""
    return parse_address(text if ":" in text else LEADING_ZEROS.sub("", text))


def check_networks(networks: str) -> None:
    """Raise SettingsError for an entry that is no address, network or range."""
    for entry in (each.strip() for each in networks.split(",") if each.strip()):
        if not (_parse_written(entry) or _network(entry) or _ends_of_range(entry) or _first_groups(entry)):
            raise SettingsError(f"{entry!r} is no address, network (10.0.0.0/8 or 10.0.) or range (10.0.0.10-20).")


def _matches(address: Address, entry: str) -> bool:
    if "/" in entry:
        network = _network(entry)
        return network is not None and address in network
    ends = _ends_of_range(entry)
    if ends is not None:
        return ends[0].version == address.version and int(ends[0]) <= int(address) <= int(ends[1])
    exact = _parse_written(entry)
    if exact is not None:
        return address == exact
    network = _first_groups(entry)
    return network is not None and address in network


def _first_groups(entry: str) -> Network | None:
    """Return the network of an address's first groups, such as `192.168.` or `2001:db8`; None: it is none."""
    separator, count, bits, base = (":", 8, 16, 16) if ":" in entry else (".", 4, 8, 10)
    groups = entry.removesuffix(separator).split(separator)
    if len(groups) >= count or not all(GROUP.fullmatch(each) for each in groups):
        return None
    try:
        numbers = [int(each, base) for each in groups]
    except ValueError:
        return None
    if max(numbers) >= 1 << bits:
        return None
    start = sum(number << bits * (count - 1 - index) for index, number in enumerate(numbers))
    kind = ipaddress.IPv6Network if separator == ":" else ipaddress.IPv4Network
    return kind((start, bits * len(groups)))


def _ends_of_range(entry: str) -> tuple[Address, Address] | None:
    """Return the ends of a range such as `10.0.0.10-20`; None: it is none, or runs backwards."""
    found = LAST_GROUP_RANGE.fullmatch(entry)
    if found is None:
        return None
    start, low, high = found.groups()
    first, last = _parse_written(start + low), _parse_written(start + high)
    if first is None or last is None or first.version != last.version or int(first) > int(last):
        return None
    return first, last


def _network(entry: str) -> Network | None:
    """Return the network of an address and the number of its first bits; None: it is none."""
    found = CIDR.fullmatch(entry)
    address = None if found is None else _parse_written(found[1])
    if found is None or address is None or int(found[2]) > address.max_prefixlen:
        return None
    kind = ipaddress.IPv6Network if address.version == 6 else ipaddress.IPv4Network
    return kind((int(address), int(found[2])), strict=False)
