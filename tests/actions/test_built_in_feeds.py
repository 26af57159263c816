"""What is built in: the time, the system, and null for what is not."""

from typing import Any

import pytest
from msgspec.structs import replace

from cortex_cli.actions.built_in_feeds import NoFeed, SystemFeed, TimeFeed, built_in_feed
from cortex_cli.errors import ActionError
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.testing import RecordingReporter, make_call

pytestmark = pytest.mark.anyio

MOMENT = 1_700_000_000.25


async def time(**parameters: Any) -> Any:
    return await TimeFeed(lambda: MOMENT).run(make_call(parameters))


async def test_the_time_is_told_in_utc() -> None:
    assert await time() == {
        "iso": "2023-11-14T22:13:20.250Z",
        "date": "2023-11-14",
        "time": "22:13:20",
        "weekday": "Tuesday",
        "timezone": "UTC",
        "unix": MOMENT,
    }


async def test_the_time_is_told_in_the_zone_that_is_asked_for() -> None:
    told = await time(timezone="Asia/Tokyo")
    assert (told["iso"], told["timezone"]) == ("2023-11-15T07:13:20.250+09:00", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("wanted", "text"),
    [("ISO8601", "2023-11-14T22:13:20.250Z"), ("%d.%m.%Y", "14.11.2023"), ("now", "now")],
)
async def test_a_format_makes_a_text(wanted: str, text: str) -> None:
    assert await time(format=wanted, timezone="utc") == text


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", 5, [1]])
async def test_an_unknown_zone_is_an_error(zone: Any) -> None:
    with pytest.raises(ActionError, match=r"knows no time zone .*Europe/Berlin") as raised:
        await time(timezone=zone)
    assert not raised.value.retryable


async def test_the_system_tells_what_it_is_and_not_whose() -> None:
    told = await SystemFeed().run(make_call())
    assert set(told) == {"os", "release", "machine", "cpus", "python"}
    assert told["cpus"] >= 1


async def test_what_is_not_there_is_null_with_one_warning_each() -> None:
    handler = NoFeed()
    report = RecordingReporter()
    call = make_call(report=report)
    fields = {"id": "b_2", "type": "internal", "operation": "stock", "feed": "b"}
    other = replace(call, action=Fetch.model_validate(fields))
    assert [await handler.run(one) for one in (call, call, other)] == [None] * 3
    assert report.warnings == [
        "the feed 'act' is null: cortex has no source 'target'",
        "the feed 'b' is null: cortex has no source 'stock'",
    ]


def test_each_source_has_its_handler() -> None:
    kinds = [type(built_in_feed(name, lambda: 0.0)) for name in ("time", "system", "x", None)]
    assert kinds == [TimeFeed, SystemFeed, NoFeed, NoFeed]
