"""The context feeds whose values cortex has itself: the time, and the system that it runs on."""

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from cortex_cli.errors import ActionError
from cortex_cli.kinds import BuiltInFeed
from cortex_cli.protocol.fetch import Fetch

if TYPE_CHECKING:
    from cortex_cli.engine.ports import ActionCall, Handler

_ISO = frozenset({"iso", "iso8601", "iso-8601", "iso_8601"})


def built_in_feed(target: str | None, wall: Callable[[], float]) -> "Handler":
    """The handler of an internal source; `wall` gives the seconds since 1970."""
    match target:
        case BuiltInFeed.TIME:
            return TimeFeed(wall)
        case BuiltInFeed.SYSTEM:
            return SystemFeed()
        case _:
            return NoFeed()


class TimeFeed:
    """What time it is when the feed is fetched."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall

    async def run(self, call: "ActionCall") -> Any:
        """The time in UTC, or in the zone `timezone`; a text if a `format` is given.

        That is `iso8601`, or one of strftime. ActionError for a zone that the system doesn't know.
        """
        zone = _zone(call.parameters.get("timezone"))
        moment = datetime.fromtimestamp(self._wall(), zone)
        wanted = call.parameters.get("format")
        iso = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(wanted, str):
            return iso if wanted.lower() in _ISO else moment.strftime(wanted)
        return {
            "iso": iso,
            "date": moment.date().isoformat(),
            "time": moment.strftime("%H:%M:%S"),
            "weekday": _DAYS[moment.weekday()],
            "timezone": str(zone),
            "unix": round(moment.timestamp(), 3),
        }


# Not strftime's, which are those of the locale.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _zone(name: Any) -> tzinfo:
    if name is None or str(name).upper() == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(str(name))
    except (LookupError, ValueError, OSError) as error:
        message = f"the system knows no time zone {str(name)[:60]!r}"
        raise ActionError(
            message,
            error_type="parameters",
            retryable=False,
            hint="one is called Europe/Berlin, and UTC is always known",
        ) from error


class SystemFeed:
    """What cortex runs on; nothing that names the machine or who uses it."""

    async def run(self, call: "ActionCall") -> Any:
        """The operating system, the kind of machine, its processors, and Python's version."""
        del call
        return {
            "os": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        }


class NoFeed:
    """A source that cortex doesn't have: null, with one warning for each feed."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    async def run(self, call: "ActionCall") -> Any:
        """None, always."""
        action = call.action
        feed = action.feed if isinstance(action, Fetch) else action.id
        if feed not in self._warned:
            self._warned.add(feed)
            source = action.operation or action.target or ""
            call.report.warn(f"the feed '{feed}' is null: cortex has no source '{source}'")
