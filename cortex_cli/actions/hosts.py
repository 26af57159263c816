"""The hosts that a tool or relic may call, and the URLs that are held against them.

A host is *declared* by an entry `host`, `host:port` or `*.example.org` (any name below it, not
itself). Nothing else is ever called. A declared name is not trusted to mean just any address:

- a public address: always;
- a private one (10/8, 172.16/12, 192.168/16, 100.64/10, 198.18/15, fc00::/7): if the name itself
  is declared, not only a `*.` above it;
- loopback: if the name is `localhost`, or ends in `.localhost`, and is itself declared;
- any address at all, link-local and cloud metadata among them: if that address is declared too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, assert_never

from cortex_cli.actions.addresses import Reach, canonical_host, is_address, reach_of
from cortex_cli.errors import ActionError

_URL = re.compile(r"(https?)://([^/?#\\\s]*)((?:[/?#].*)?)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """A URL taken apart so strictly that no two readers can differ about its host.

    `host` is canonical, `rest` begins with `/`, `?` or `#`, or is empty.
    """

    scheme: str
    host: str
    explicit_port: int | None
    rest: str

    @property
    def port(self) -> int:
        """The port, or the default one of the scheme."""
        return self.explicit_port or _DEFAULT_PORTS[self.scheme]

    def __str__(self) -> str:
        """The URL, with the host in its canonical spelling."""
        port = "" if self.explicit_port is None else f":{self.explicit_port}"
        return f"{self.scheme}://{self.bracketed_host}{port}{self.rest}"

    @property
    def bracketed_host(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def without_query(self) -> str:
        """The URL up to its query, which may hold what is not to be shown."""
        return str(self).partition("?")[0].partition("#")[0]


def parse_url(url: str) -> HttpUrl:
    """An absolute http or https URL; ValueError, with a reason, for anything else."""
    match = _URL.fullmatch(url)
    if match is None:
        message = "it is no absolute http:// or https:// URL"
        raise ValueError(message)
    scheme, authority, rest = match.groups()
    if "@" in authority:
        message = "it holds a user or password, which belong into a header"
        raise ValueError(message)
    if _CONTROLS.search(rest):
        message = "it holds control characters"
        raise ValueError(message)
    host, port = _host_and_port(authority)
    return HttpUrl(scheme.lower(), host, port, rest)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        message = f"'{authority[:80]}' is not a host"
        raise ValueError(message)
    host, port = match.groups()
    if port is not None and not 0 < int(port) <= 65_535:
        message = f"'{port}' is not a port"
        raise ValueError(message)
    return canonical_host(host), None if port is None else int(port)


_DECLARING = "a tool declares hosts in 'allow_hosts', a relic calls that of its 'base_url' alone"


@dataclass(frozen=True, slots=True)
class _Entry:
    """`host` is canonical; for a wildcard it is what a name must end with, the dot included."""

    host: str
    port: int | None
    wildcard: bool

    def matches(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return host.endswith(self.host) if self.wildcard else host == self.host


class Hosts:
    """Declared hosts; knows what may be called, and at which address."""

    def __init__(self, entries: Iterable[str]) -> None:
        """ValueError, with a reason, for an entry that declares no host."""
        self._entries = tuple(_parse_entry(entry) for entry in entries)

    @classmethod
    def of(cls, url: HttpUrl) -> Self:
        """The host of a URL, at the URL's port; at 80 and 443 where it names none."""
        ports = _DEFAULT_PORTS.values() if url.explicit_port is None else [url.explicit_port]
        return cls(f"{url.bracketed_host}:{port}" for port in ports)

    def check(self, url: str) -> HttpUrl:
        """The URL, taken apart, if it may be called; ActionError (`host_refused`) if not."""
        try:
            parsed = parse_url(url)
        except ValueError as error:
            message = f"this URL can't be called: {error}"
            raise _refusal(message) from error
        if not self._declares(parsed.host, parsed.port):
            message = f"host '{parsed.host}', port {parsed.port}, is not declared"
            raise _refusal(message, hint=_DECLARING)
        return parsed

    def addresses(self, host: str, port: int, found: Sequence[str]) -> list[str]:
        """Those of the addresses found for a host, at least one, that may be called.

        Raises ActionError (`host_refused`) if none may, or the host itself is not declared.
        """
        allowed = [address for address in found if self._admits(host, port, address)]
        if not allowed:
            message = f"'{host}' leads to {found[0]}, which is not declared"
            raise _refusal(message, hint=f"name '{found[0]}' itself if it is meant")
        return allowed

    def _admits(self, host: str, port: int, address: str) -> bool:
        if self._names(address, port):
            return self._names(host, port)
        reach = reach_of(address)
        match reach:
            case Reach.PUBLIC:
                return self._declares(host, port)
            case Reach.PRIVATE:
                return self._names(host, port)
            case Reach.LOOPBACK:
                return f".{host}".endswith(".localhost") and self._names(host, port)
            case Reach.SPECIAL:
                return False
            case _:
                assert_never(reach)

    def _declares(self, host: str, port: int) -> bool:
        return any(entry.matches(host, port) for entry in self._entries)

    def _names(self, host: str, port: int) -> bool:
        return any(entry.matches(host, port) for entry in self._entries if not entry.wildcard)


def _parse_entry(text: str) -> _Entry:
    wildcard = text.startswith("*.")
    bare = text[2:] if wildcard else text
    if bare.count(":") > 1 and not bare.startswith("["):
        bare = f"[{bare}]"
    try:
        host, port = _host_and_port(bare)
    except ValueError as error:
        message = f"'{text[:80]}' declares no host: {error}"
        raise ValueError(message) from error
    if wildcard and is_address(host):
        message = f"'{text[:80]}' declares no host: a '*.' stands before a name"
        raise ValueError(message)
    return _Entry(f".{host}" if wildcard else host, port, wildcard)


def _refusal(message: str, *, hint: str | None = None) -> ActionError:
    return ActionError(message, error_type="host_refused", retryable=False, hint=hint)
