"""From where a token may be used: Moodle's list of networks, as in its `iprestriction` field."""

import ipaddress
import re

from alx_core.errors import SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LAST_GROUP_RANGE = re.compile(r"^(.+[.:])([0-9A-Fa-f]{1,4})-([0-9A-Fa-f]{1,4})$")


def is_allowed(address: str, networks: str) -> bool:
    """Whether `address` lies in one of the comma-separated `networks`; an empty text allows every address.

    Source: `address_in_subnet()` in Moodle's lib/moodlelib.php: full address, CIDR, range in the last group
    (`10.0.0.10-20`), or the first groups of an address (`192.168` or `192.168.`). An entry that is none of them matches
    nothing, and neither does a list without an entry (`,`): Moodle refuses everybody then, and so do we.
    """
    if not networks:
        return True
    wanted = [entry.strip() for entry in networks.split(",") if entry.strip()]
    parsed = parse_address(address)
    return parsed is not None and any(_matches(parsed, entry) for entry in wanted)


def parse_address(text: str) -> Address | None:
    """Parse an address; an IPv4 one in IPv6 dress (`::ffff:10.0.0.1`) is taken for what it is. None: not an address."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def check_networks(networks: str) -> None:
    """Raise SettingsError for an entry that is no address, network or range."""
    for entry in (each.strip() for each in networks.split(",") if each.strip()):
        if parse_address(entry) is None and not _is_network(entry) and _ends_of_range(entry) is None:
            raise SettingsError(f"{entry!r} is no address, network (10.0.0.0/8) or range (10.0.0.10-20).")


def _matches(address: Address, entry: str) -> bool:
    if "/" in entry:
        return _is_network(entry) and address in ipaddress.ip_network(entry, strict=False)
    ends = _ends_of_range(entry)
    if ends is not None:
        return ends[0].version == address.version and int(ends[0]) <= int(address) <= int(ends[1])
    exact = parse_address(entry)
    if exact is not None:
        return address == exact
    separator = "." if address.version == 4 else ":"
    prefix = entry if entry.endswith(separator) else entry + separator
    return f"{address}{separator}".startswith(prefix)


def _ends_of_range(entry: str) -> tuple[Address, Address] | None:
    """Return the ends of a range such as `10.0.0.10-20`; None: it is none, or runs backwards."""
    found = LAST_GROUP_RANGE.match(entry)
    if found is None:
        return None
    start, low, high = found.groups()
    first, last = parse_address(start + low), parse_address(start + high)
    if first is None or last is None or first.version != last.version or int(first) > int(last):
        return None
    return first, last


def _is_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    return "/" in entry
