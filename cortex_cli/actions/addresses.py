"""What a host is, in one spelling, and where an IP address leads.

All spellings of an IPv4 address that some resolver takes (2130706433, 0x7f.1, 0177.0.0.1, 127.1,
full-width digits) become that address.
"""

import ipaddress
import re
import unicodedata
from enum import IntEnum

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_LONGEST_NAME = 253

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(IntEnum):
    """Where an address leads, from harmless to never meant."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    SPECIAL = 3


def _networks(*texts: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in texts]


_PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7"
)
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_SPECIAL = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "100.100.100.200/32",  # metadata of Alibaba Cloud, within 100.64/10
    "168.63.129.16/32",  # the platform address of Azure
    "fd00:ec2::/32",  # metadata of AWS, within fc00::/7
    "2001:db8::/32",
    "64:ff9b:1::/48",
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def reach_of(address: str) -> Reach:
    """Where an IP address leads; one that carries an IPv4 address inside leads where that does."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = _embedded(found) if isinstance(found, ipaddress.IPv6Address) else None
    return _reach(found if inner is None else inner)


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP address rather than a name."""
    return ":" in host or host.rpartition(".")[2].isdecimal()


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _reach(address: IPAddress) -> Reach:
    for networks, reach in (
        (_SPECIAL, Reach.SPECIAL),
        (_LOOPBACK, Reach.LOOPBACK),
        (_PRIVATE, Reach.PRIVATE),
    ):
        if any(address in network for network in networks):
            return reach
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return Reach.SPECIAL
    return Reach.PUBLIC


def canonical_host(text: str) -> str:
    """A host in its one spelling: a lower-case ASCII name, or an IP address without brackets.

    Raises ValueError, with a reason, for what is no host.
    """
    if text.startswith("["):
        return _ipv6(text)
    name = unicodedata.normalize("NFKC", _DOTS.sub(".", text)).lower().removesuffix(".")
    if not name.isascii():
        name = _ascii_name(name)
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(labels)
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        message = f"'{text[:80]}' is not the name of a host"
        raise ValueError(message)
    return name


def _ascii_name(name: str) -> str:
    import idna  # httpx2 brings it; names outside ASCII are rare

    try:
        return idna.encode(name).decode("ascii")
    except idna.IDNAError as error:
        message = f"'{name[:80]}' is not the name of a host"
        raise ValueError(message) from error


def _ipv6(text: str) -> str:
    if "%" in text or not text.endswith("]"):
        message = f"'{text[:80]}' is not an IPv6 address"
        raise ValueError(message)
    return ipaddress.IPv6Address(text[1:-1]).compressed


def _ipv4(labels: list[str]) -> str:
    """The address that a host of one to four numbers means to those who resolve such hosts."""
    message = f"'{'.'.join(labels)[:80]}' is not an IPv4 address"
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        raise ValueError(message)
    try:
        *leading, last = [_number(label) for label in labels]
    except ValueError as error:
        raise ValueError(message) from error
    if any(part > 255 for part in leading) or last >= 256 ** (4 - len(leading)):
        raise ValueError(message)
    value = last + sum(part << 8 * (3 - place) for place, part in enumerate(leading))
    return str(ipaddress.IPv4Address(value))


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label[0] == "0" else 10)
