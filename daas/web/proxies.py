"""Who a client is and how it came, where proxies stand in front: only those that are trusted are believed."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from ..setting_types import Network
from ..settings import Settings

#: What stands in the log for a peer without an address, one over a unix socket, and for what is no address.
_NO_ADDRESS = "unknown"
LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))


def client_address(environ: dict[str, Any], settings: Settings) -> str:
    """Give the address of the client: the last one in X-Forwarded-For that no trusted proxy has."""
    peer: str = environ.get("REMOTE_ADDR", "")
    if not _is_trusted(peer, settings):
        return peer or _NO_ADDRESS
    address = peer
    for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        if not hop.strip():
            break
        address = _address_of(hop)
        if not is_within(address, settings.trusted_proxies):
            break
    return address or _NO_ADDRESS


def is_protected(environ: dict[str, Any], address: str, settings: Settings) -> bool:
    """Tell whether a request of a client was never in the clear on a network.

    The nearest proxy, if it is trusted, says that the client spoke TLS; or the client is on this machine.
    """
    peer = environ.get("REMOTE_ADDR", "")
    said: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
    if _is_trusted(peer, settings) and said.rpartition(",")[2].strip().lower() == "https":
        return True
    return is_within(address, LOOPBACK) and not forwarded_by_untrusted_proxy(environ, settings)


def forwarded_by_untrusted_proxy(environ: dict[str, Any], settings: Settings) -> bool:
    """Tell whether a request has been forwarded by a proxy that is not trusted, so that nobody knows from where."""
    forwarded = "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ or "HTTP_VIA" in environ
    return forwarded and not _is_trusted(environ.get("REMOTE_ADDR", ""), settings)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address lies in one of some networks; what is no address lies in none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return any(parsed in network for network in networks)


def _is_trusted(peer: str, settings: Settings) -> bool:
    """Tell whether a peer is a trusted proxy; who may open a unix socket, which has no address, is one."""
    return not peer or (bool(settings.trusted_proxies) and is_within(peer, settings.trusted_proxies))


def _address_of(hop: str) -> str:
    """Give the address of an record of X-Forwarded-For, which may have a port; nothing if it is none."""
    hop = re.sub(r"\A\[(.*)\](?::[0-9]+)?\Z|\A([0-9.]+):[0-9]+\Z", r"\1\2", hop.strip())
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return ""
