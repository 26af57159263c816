"""`Fetch`: the action that gets the value of a context feed, where a plan needs it."""

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
