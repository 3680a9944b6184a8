"""Where a webhook may go: addresses of the public internet alone, unless the settings allow others.

A name is resolved once, every address of it is checked, and the connection is made to one of those; a name that leads
elsewhere a moment later does not matter.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_MOST: Final = 4  # addresses that are tried
_V4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class AddressRefusedError(Exception):
    """A webhook leads to an address that it may not go to."""


def is_public(address: Address) -> bool:
    """Tell whether an address is of the public internet, also where it stands inside of an IPv6 address."""
    return all(each.is_global and not each.is_multicast for each in _meant(address))


def _meant(address: Address) -> Iterator[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    inside = address.ipv4_mapped or address.sixtofour
    if address in _NAT64 or address in _V4_COMPATIBLE:
        inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inside is not None:
        yield inside
    if address.teredo is not None:
        yield address.teredo[1]
    if address.ipv4_mapped is None:
        yield address


async def addresses_of(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Return the addresses to connect to: the first, or the next where that one cannot be reached.

    Raises:
        AddressRefusedError: One of the addresses of `host` is not of the public internet, and that is not allowed.
        OSError: The name cannot be resolved.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses:
        raise OSError(f"{host} has no address")
    if not allow_private:
        for address in addresses:
            # a link-local address comes with the name of an interface: fe80::1%eth0
            if not is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise AddressRefusedError(
                    f"{host} leads to {address}, which is not of the public internet (SPANTAIL_NOTICE_ALLOW_PRIVATE)"
                )
    return addresses[:_MOST]
