"""From which address a request comes.

`X-Forwarded-For` is believed from proxies that the settings name, and from no others.
"""

from functools import lru_cache

from alx_core.domain.networks import is_allowed, parse_address


def client_address(peer: str, forwarded_for: str | None, trusted_proxies: str) -> str:
    """Return the client's address: the nearest one in the chain that is no trusted proxy.

    `peer` is the connection's other end. Entries that are no address end the chain: what lies behind them was written
    by somebody nobody vouches for.
    """
    address = _plain(peer)
    if not trusted_proxies or not forwarded_for:
        return address
    for hop in reversed(forwarded_for.split(",")):
        if not is_allowed(address, trusted_proxies):
            break
        parsed = parse_address(hop)
        if parsed is None:
            break
        address = str(parsed)
    return address


@lru_cache(maxsize=4096)
def _plain(peer: str) -> str:
    parsed = parse_address(peer)
    return "" if parsed is None else str(parsed)
