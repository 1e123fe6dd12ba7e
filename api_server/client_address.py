"""From which address a request comes.

`X-Forwarded-For` is believed from proxies that the settings name, and from no others.
"""

import re
from functools import lru_cache

from alx_core.domain.networks import is_allowed, parse_address

PORT = re.compile(r"^\[([^\]]*)\](?::[0-9]+)?$|^([0-9.]+):[0-9]+$")
"""`[2001:db8::9]:443` and `192.0.2.7:443`: an address with the port of its connection."""


def client_address(peer: str, forwarded_for: str | None, trusted_proxies: str) -> str:
    """Return the client's address: the nearest one in the chain that is no trusted proxy.

    `peer` is the other end. Some proxies write a port behind an address. An entry that is no address at all
    ends the chain, and leaves the client without one: it must not pass for the proxy that wrote it.
    """
    address = _plain(peer)
    if not trusted_proxies or not forwarded_for:
        return address
    for hop in reversed(forwarded_for.split(",")):
        if not is_allowed(address, trusted_proxies):
            break
        parsed = parse_address(PORT.sub(r"\1\2", hop.strip()))
        if parsed is None:
            return ""
        address = str(parsed)
    return address


@lru_cache(maxsize=4096)
def _plain(peer: str) -> str:
    parsed = parse_address(peer)
    return "" if parsed is None else str(parsed)
