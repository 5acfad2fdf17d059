"""Which addresses the server may be sent to by a caller: only listed ones, and no way into the network it is in.

Source: OWASP, Server Side Request Forgery Prevention Cheat Sheet.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic.networks import IPvAnyNetwork

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2000
# RFC 6052: the last 32 bits of such an address are one of version 4.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Place:
    """A URL in its parts, as they are compared; `query` with its question mark."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @classmethod
    def of(cls, url: str) -> "Place":
        """Read an http or https URL; raises ValueError for one that two programs might read differently.

        >>> Place.of("https://Shop.example/done?order=7")
        Place(scheme='https', host='shop.example', port=443, path='/done', query='?order=7')
        """
        if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
            raise ValueError("should be a URL in printable ASCII")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # Python's own message repeats what was sent.
            raise ValueError("should have a host and a port that can be") from None
        if parts.scheme not in _PORTS or not parts.hostname or port == 0:
            raise ValueError("should start with https:// or http:// and a host")
        if "@" in parts.netloc or "#" in url or "%" in parts.netloc:
            raise ValueError("should have neither user, fragment nor escapes in its host")
        path = parts.path or "/"
        if any(unquote(step) in {".", ".."} or "/" in unquote(step) for step in path.split("/")):
            raise ValueError("should have no path that leads up")
        query = f"?{parts.query}" if parts.query else ""
        return cls(parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme], path, query)

    @property
    def address(self) -> Address | None:
        """The host, where it is an address and no name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def netloc(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The place as one text, of which `of` makes the same place.

        >>> Place.of("http://Shop.example:80/done").url
        'http://shop.example/done'
        """
        return f"{self.scheme}://{self.netloc}{self.path}{self.query}"

    def at(self, address: Address) -> str:
        """The URL of the same place at an address that its name stands for."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}{self.query}"


@dataclass(frozen=True)
class Pattern:
    """One line of the list: a place, or all places whose path begins as it does."""

    place: Place
    open_end: bool

    @classmethod
    def of(cls, text: str) -> "Pattern":
        """Read `https://shop.example/*`; raises ValueError for a wildcard that is not the path's end."""
        begins = text.removesuffix("*")
        place = Place.of(begins)
        if (
            "*" in begins
            or place.query
            or (text != begins and not begins.partition("://")[2].partition("/")[1])
        ):
            raise ValueError("should name a whole host; only its path may end in *")
        return cls(place, open_end=text != begins)

    def covers(self, place: Place) -> bool:
        """Whether this line allows a place.

        >>> Pattern.of("https://shop.example/hooks/*").covers(Place.of("https://shop.example/hooks/7?a=1"))
        True
        >>> Pattern.of("https://shop.example/*").covers(Place.of("https://shop.example.evil/"))
        False
        """
        mine = self.place
        if (mine.scheme, mine.host, mine.port) != (place.scheme, place.host, place.port):
            return False
        return (
            place.path.startswith(mine.path)
            if self.open_end
            else (mine.path, "") == (place.path, place.query)
        )


def is_public(address: Address) -> bool:
    """Whether an address, and any that is hidden in it, is one of the open internet.

    >>> [is_public(ipaddress.ip_address(one)) for one in ("93.184.216.34", "10.0.0.1", "::ffff:127.0.0.1")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if address in _NAT64:
            mapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if mapped is not None:
            return is_public(mapped)
        tunnels = (address.sixtofour, *(address.teredo or ()))
        if not all(is_public(end) for end in tunnels if end is not None):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def may_reach(place: Place, addresses: Sequence[Address], private: Sequence[IPvAnyNetwork]) -> bool:
    """Whether every address that a listed place's name stands for may be connected to.

    An address that the list names itself may be private; a name may lead into `private` networks only.
    """
    if place.address is not None:
        return True
    return bool(addresses) and all(
        is_public(one) or any(one in network for network in private) for one in addresses
    )
