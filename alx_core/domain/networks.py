"""From where a token may be used: Moodle's list of networks, as in its `iprestriction` field."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from alx_core.errors import SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

BITS = re.compile(r"0|[1-9][0-9]{0,2}")
KNOWN = 4096
"""Answers that are remembered: most requests come from few addresses."""
LEADING_ZEROS = re.compile(r"\b(?=[0-9]{1,3}\b)0+(?=[0-9])", re.ASCII)
MAPPED = re.compile(r"::ffff:(?=[0-9]+(?:\.[0-9]+){3}\Z)", re.IGNORECASE)
SITE_BITS = 64
"""Of an IPv6 address, those that say whose it is."""
NOBODY = ipaddress.IPv4Address(0)
"""What Moodle calls a client whose address it does not know: no list holds it."""
AND = " & "
"""Between two lists: an address must be in both, as Moodle wants it of a token's list and of its owner's for the
service."""
SPACES = " \t\n\r\0\v"
"""What PHP's `trim()` takes away."""


@lru_cache(maxsize=KNOWN)
def is_allowed(address: str, networks: str) -> bool:
    """Whether `address` lies in one of the comma-separated `networks`; an empty text allows every address.

    Of several lists with AND between them it must be in each.

    Source: `address_in_subnet()` in Moodle's lib/moodlelib.php: full address, CIDR, range in the last group
    (`10.0.0.10-20`), or the first groups of an address (`192.168`, `192.168.`, `2001:db8`). As there, a list without
    an entry (`,`) allows nobody, `/08` is no number of bits, and `2001:db8:` and `2001:db8::` match nothing.
    Stricter than Moodle on purpose, an entry that can't be parsed (`10.0.0.0/8/x`, `1::2::3`) matches nothing, nor does
    a network or range of IPv4 addresses in IPv6 dress. A client is its address, in whatever form that is written, and
    `::ffff:10.0.0.1` in a list is 10.0.0.1. A list "0", which restricts nothing in Moodle, is imported as an empty one.
    """
    if not networks:
        return True
    parsed = parse_address(address)
    if parsed is None or parsed == NOBODY:
        return False
    return all(_is_in(parsed, each) for each in networks.split(AND))


def in_all_of(lists: Iterable[str]) -> str:
    """Return one text which says that an address must be in each of `lists`.

    No address, network or range has an `&`; an entry that has one matches nothing, and must not become two lists.
    """
    return AND.join(dict.fromkeys(each.replace("&", "?") for each in lists))


def _is_in(address: Address, networks: str) -> bool:
    found = (_ends(entry) for entry in networks.split(","))
    return any(
        ends[0].version == address.version and int(ends[0]) <= int(address) <= int(ends[1]) for ends in found if ends
    )


@lru_cache(maxsize=KNOWN)
def parse_address(text: str) -> Address | None:
    """Parse an address; an IPv4 one in IPv6 dress (`::ffff:10.0.0.1`) is taken for what it is. None: not an address.

    A zone (`fe80::1%eth0`) is left out: it names an interface of one machine, and may be any text.
    """
    try:
        address = ipaddress.ip_address(text.strip(SPACES))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address


def site_of(address: str) -> str:
    """Return an IPv4 address as it is, and of an IPv6 one its /64: its owner has all of it, and uses it."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, SITE_BITS), strict=False).network_address)
    return address if parsed is None else str(parsed)


def check_networks(networks: str) -> None:
    """Raise SettingsError for a list, or an entry of one, that can never match."""
    entries = [each for each in networks.split(",") if each.strip(SPACES)]
    if networks and not entries:
        raise SettingsError(f"{networks!r} is no address, and would keep everybody out.")
    for entry in entries:
        ends = _ends(entry)
        if ends is None or ends[1] == NOBODY:
            raise SettingsError(
                f"{entry.strip()!r} is no address, network (10.0.0.0/8 or 10.0.) or range (10.0.0.10-20)."
            )


def _ends(entry: str) -> tuple[Address, Address] | None:
    """Return the first and the last address of an entry; None: it matches nothing."""
    entry = MAPPED.sub("", entry.strip(SPACES))
    if "/" in entry:
        start, _, bits = entry.partition("/")
        return _network(start, bits.strip(SPACES))
    if "-" in entry:
        return _range(*entry.split("-", 1))
    separator, count, bits_each = (":", 8, 16) if ":" in entry else (".", 4, 8)
    groups = entry.removesuffix(separator).split(separator)
    if entry.endswith(":") and len(groups) > 1:
        return None
    if "::" in entry:
        return _network(entry, "128")
    missing = ["0"] * (count - len(groups))
    return _network(separator.join(groups + missing), str(bits_each * len(groups)))


def _network(start: str, bits: str) -> tuple[Address, Address] | None:
    address = _parse_written(start)
    if address is None or not BITS.fullmatch(bits) or int(bits) > address.max_prefixlen:
        return None
    network = ipaddress.ip_network((address, int(bits)), strict=False)
    return network[0], network[-1]


def _range(start: str, last_group: str) -> tuple[Address, Address] | None:
    first = _parse_written(start)
    if first is None:
        return None
    separator = ":" if first.version == 6 else "."
    last = _parse_written(first.exploded.rpartition(separator)[0] + separator + last_group.strip(SPACES))
    return None if last is None or int(last) < int(first) else (first, last)


def _parse_written(text: str) -> Address | None:
    """Parse a full address as Moodle reads one in a list: `010.0.0.1` is decimal, `::` stands for two groups or more.

    None also for what no client has here: a zone, or an IPv4 address in IPv6 dress.
    """
    if ":" not in text:
        return parse_address(LEADING_ZEROS.sub("", text))
    if "." in text or "%" in text or ("::" in text and text.count(":") >= 7):
        return None
    address = parse_address(text)
    return None if address is None or address.version == 4 else address
