"""The values of context feeds while a run goes on: how old they are, and which are due."""

from collections.abc import Callable, Iterable
from typing import Any

from cortex_cli.protocol.fetch import Fetch


class FedValues:
    """What the feeds of one agent gave last; `values` has it by their names.

    `watcher`, where there is one, is called whenever a fetch has ended. How old a value is that
    an earlier part of the run has fetched is not known.
    """

    __slots__ = ("_times", "values", "watcher")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._times: dict[str, float] = {}
        self.watcher: Callable[[], None] | None = None

    def note(self, feed: str, value: Any, now: float) -> None:
        """A feed has been fetched; `now` is in seconds on the run's clock."""
        self.values[feed] = value
        self._times[feed] = now

    def recall(self, feed: str, value: Any, interval: float | None, now: float) -> None:
        """An earlier part of the run has fetched a feed: good for ever, or of unknown age."""
        self.values[feed] = value
        if interval is None:
            self._times[feed] = now

    def is_fresh(self, feed: str, interval: float | None, now: float) -> bool:
        """Whether a value is there that is no older than `interval` seconds, None: of any age."""
        if feed not in self._times:
            return False
        return interval is None or now - self._times[feed] <= interval

    def due(self, feeds: Iterable[Fetch], now: float) -> tuple[Fetch, ...]:
        """Those to be fetched before a model is asked for a plan: all without a fresh value.

        They are a plan of their own: once their actions have ended, `values` is what the prompt
        may say, and the context has each under the name of its feed. What failed has no value.
        """
        return tuple(feed for feed in feeds if not self.is_fresh(feed.feed, feed.interval, now))
