"""The address of a client, and whether its request came by TLS: only trusted proxies are believed."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from ..setting_types import Network
from ..settings import Settings

#: The log's text for a peer on a unix socket, which has no address, and for text that is not an address.
_NO_ADDRESS = "unknown"
LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))


def client_address(environ: dict[str, Any], settings: Settings) -> str:
    """Return the client's address: the last one in X-Forwarded-For that is not a trusted proxy's."""
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
    """Return whether a request never crossed a network unencrypted.

    Either the nearest proxy is trusted and reports TLS, or the client is on this machine.
    """
    peer = environ.get("REMOTE_ADDR", "")
    protocols: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
    if _is_trusted(peer, settings) and protocols.rpartition(",")[2].strip().lower() == "https":
        return True
    return is_within(address, LOOPBACK) and not forwarded_by_untrusted_proxy(environ, settings)


def forwarded_by_untrusted_proxy(environ: dict[str, Any], settings: Settings) -> bool:
    """Return whether an untrusted proxy forwarded a request, so that its origin is unknown."""
    forwarded = "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ or "HTTP_VIA" in environ
    return forwarded and not _is_trusted(environ.get("REMOTE_ADDR", ""), settings)


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Return whether an address is in one of the networks; False for text that is not an address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return any(parsed in network for network in networks)


def _is_trusted(peer: str, settings: Settings) -> bool:
    """Return whether a peer is a trusted proxy; a peer on a unix socket, which has no address, always is."""
    return not peer or (bool(settings.trusted_proxies) and is_within(peer, settings.trusted_proxies))


def _address_of(hop: str) -> str:
    """Return the address in an entry of X-Forwarded-For, which may have a port; an empty text if there is none."""
    hop = re.sub(r"\A\[(.*)\](?::[0-9]+)?\Z|\A([0-9.]+):[0-9]+\Z", r"\1\2", hop.strip())
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return ""
