"""`cortex.lock`: what the tools of MCP servers were when they were first used.

A tool is chosen, by a person or a model, for its name, its description and its schemas; a server
that changes them later changes what was agreed to. So they are pinned, and a change is refused.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from cortex_cli.errors import SetupError
from cortex_cli.kinds import Pinning
from cortex_cli.mcp.served_tools import ServedTool

FILE_NAME = "cortex.lock"

_MOST_BYTES = 32 * 1024 * 1024
_MOST_CHANGES = 5
_LONGEST = 100


class Pin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool as it was: its hash, and what was hashed, to show what has changed."""

    hash: str
    description: str = ""
    input_schema: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    output_schema: dict[str, Any] | None = None

    @classmethod
    def of(cls, offer: ServedTool) -> "Pin":
        """The pin of a tool as it is."""
        return cls(
            hash=offer.digest,
            description=offer.description,
            input_schema=offer.input_schema,
            output_schema=offer.output_schema,
        )


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    """The file: pins by server and tool."""

    version: Literal[1] = 1
    servers: dict[str, dict[str, Pin]] = msgspec.field(default_factory=dict[str, dict[str, Pin]])


class Lock:
    """The pins of the servers that manifests under one root use."""

    def __init__(self, root: Path, pinning: Pinning = Pinning.NEW) -> None:
        """`pinning`: with all, what servers offer now is pinned in place of what they offered."""
        self.path = root / FILE_NAME
        self._pinning = pinning

    def pinned(self, server: str) -> Mapping[str, Pin]:
        """The pins of one server by tool; SetupError if the file cannot be read."""
        return self._read().servers.get(server, {})

    def all_pinned(self) -> Mapping[str, Mapping[str, Pin]]:
        """The pins of all servers, by server and tool; SetupError if the file cannot be read."""
        return self._read().servers

    def admit(self, server: str, offers: Mapping[str, ServedTool]) -> str | None:
        """Pin the tools that a server offers, as far as wanted; why that failed, or None.

        Raises SetupError if the file is there and cannot be read.
        """
        content = self._read()
        known = content.servers.get(server, {})
        if self._pinning is Pinning.NONE:
            return None
        if self._pinning is Pinning.ALL:
            pins = {name: Pin.of(offer) for name, offer in offers.items()}
        else:
            fresh = {name: Pin.of(one) for name, one in offers.items() if name not in known}
            pins = {**known, **fresh}
        if pins == known:
            return None
        content.servers[server] = pins
        try:
            self._write(content)
        except OSError as error:
            reason = f"{self.path} cannot be written: {error.strerror}"
            return f"the tools of server '{server}' are not pinned: {reason}"
        return None

    def difference(self, server: str, offer: ServedTool) -> str | None:
        """What of a tool is not as it was pinned, on one line; None: it is, or is not pinned."""
        pin = self.pinned(server).get(offer.name)
        if pin is None or pin.hash == offer.digest:
            return None
        before, now = _plain(pin), _plain(Pin.of(offer))
        changes = list(_changes(before, now, ""))
        shown = changes[:_MOST_CHANGES]
        if len(changes) > len(shown):
            shown.append(f"and {len(changes) - len(shown)} more")
        return "; ".join(shown) or f"its hash was {pin.hash}, is {offer.digest}"

    def _read(self) -> _Content:
        try:
            with self.path.open("rb") as file:
                text = file.read(_MOST_BYTES)
            return msgspec.json.decode(text, type=_Content)
        except FileNotFoundError:
            return _Content()
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            message = f"{self.path} cannot be read: {error}"
            raise SetupError(message, hint="restore it, or delete it to pin all anew") from error

    def _write(self, content: _Content) -> None:
        text = _text(content)
        # Whoever reads it meanwhile, or after a crash, finds the old file or the new one.
        fresh = self.path.with_name(f".{FILE_NAME}.{os.getpid()}")
        try:
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)


def lock_text(servers: Mapping[str, Mapping[str, Pin]]) -> str:
    """A lock with these pins."""
    return _text(_Content(servers={name: dict(pins) for name, pins in servers.items()}))


def _text(content: _Content) -> str:
    text = json.dumps(msgspec.to_builtins(content), ensure_ascii=False, indent=2, sort_keys=True)
    return f"{text}\n"


def _plain(pin: Pin) -> dict[str, Any]:
    values = msgspec.to_builtins(pin)
    del values["hash"]
    return values


def _changes(before: Any, now: Any, place: str) -> Iterator[str]:
    """What differs, the deepest place of each difference, in the order of the names."""
    if isinstance(before, dict) and isinstance(now, dict):
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", now)
        for name in sorted({*old, *new}):
            inner = f"{place}.{name}" if place else name
            if name not in new:
                yield f"{inner} was {_shown(old[name])}, is gone"
            elif name not in old:
                yield f"{inner} is new: {_shown(new[name])}"
            else:
                yield from _changes(old[name], new[name], inner)
    elif before != now:
        yield f"{place} was {_shown(before)}, is {_shown(now)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
