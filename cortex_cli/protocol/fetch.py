"""`Fetch`: the action that gets the value of a context feed, where a plan needs it."""

from collections.abc import Sequence
from itertools import count

from pydantic import Field

from cortex_cli.protocol.action import Action, Seconds, Texts

_WRITTEN_AS = {"target": "name", "operation": "action", "parameters": "params"}

Step = str | int


class Fetch(Action):
    """An action that nobody has written: it fetches a feed for the actions that refer to it.

    `feed` is the name that they use, `place` that of the feed in `context_feeds`. `serves` are
    the ids of the actions that have this value. It waits for what the action `like` waits for, and
    for nothing where that is None. A value that is not older than `interval` seconds is taken
    again instead.
    """

    feed: str
    interval: Seconds | None = None
    place: int = Field(default=0, exclude=True)
    serves: Texts = Field(default=(), exclude=True)
    like: str | None = Field(default=None, exclude=True)

    def written_at(self, path: tuple[Step, ...]) -> tuple[Step, ...]:
        """Where in the manifest it is written what the action has at a path."""
        feed: tuple[Step, ...] = ("context_feeds", self.place)
        if not path:
            return feed
        first, *rest = path
        written = _WRITTEN_AS.get(str(first))
        return (*feed, "id") if written is None else (*feed, "source", written, *rest)


def places_in(key: str, actions: Sequence[Action]) -> list[tuple[Step, ...]]:
    """The path of each action in the document, where the list of those written is called `key`.

    What is fetched for the written ones does not count in their places.
    """
    written = count()
    return [
        action.written_at(()) if isinstance(action, Fetch) else (key, next(written))
        for action in actions
    ]
