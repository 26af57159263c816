"""The context feeds of an agent as the actions that fetch them."""

from collections.abc import Iterator, Sequence

from cortex_cli.errors import Finding
from cortex_cli.ids import ACTION_ID, OUTPUT_KEY, RESERVED_KEYS, did_you_mean, slug
from cortex_cli.kinds import ActionType, BuiltInFeed, Severity
from cortex_cli.manifest.models import ContextFeed, FeedSource
from cortex_cli.manifest.wording import listed, quoted
from cortex_cli.protocol.action import LONGEST_NAME, Action
from cortex_cli.protocol.fetch import Fetch

EXTERNAL = "external"
"""The target of the fetch of a feed whose source lies outside of cortex."""

_TYPES = {
    "tool": ActionType.TOOL,
    "relic": ActionType.RELIC,
    "workflow": ActionType.WORKFLOW,
    "agent": ActionType.AGENT,
    "llm": ActionType.LLM,
}
_OPERATED = frozenset({ActionType.TOOL, ActionType.RELIC})
_CALLED = {
    BuiltInFeed.TIME: (
        *("time", "clock", "system_clock", "datetime", "current_time", "current_datetime"),
        *("get_time", "get_datetime", "get_current_time", "get_current_datetime"),
    ),
    BuiltInFeed.SYSTEM: ("system", "system_info", "get_system_info", "platform"),
}
_BUILT_IN = {word: feed for feed, words in _CALLED.items() for word in words}


class Feeds:
    """The feeds of one agent; `fetches` are those that can be fetched, in the order of the file.

    `findings` is what is wrong with the others, or worth knowing of these.
    """

    def __init__(self, declared: Sequence[ContextFeed], actions: Sequence[Action]) -> None:
        """`actions` are those of the agent, whose names no feed may have."""
        self.fetches: list[Fetch] = []
        self.findings: list[Finding] = []
        taken = {action.id: "the id of an action" for action in actions}
        taken |= {one.output_key: "an output_key" for one in actions if one.output_key}
        for place, feed in enumerate(declared):
            name = feed_name(feed.id)
            trouble = _trouble(feed.id, name, taken)
            if trouble is not None:
                path = ("context_feeds", place, "id")
                hint = "give the feed another"
                self.findings.append(
                    Finding(code="wrong_feed", message=trouble, hint=hint, path=path)
                )
                continue
            taken[name] = "that of another feed"
            self.fetches.append(_fetch(feed, name, place))
            self.findings += _on_source(feed, place)
            self.findings += _on_interval(feed, place)

    def note_unused(self, fetched: Sequence[Action]) -> None:
        """Say which feeds nothing refers to; `fetched` are the actions with their fetches."""
        used = {action.feed for action in fetched if isinstance(action, Fetch)}
        for fetch in self.fetches:
            if fetch.feed not in used:
                message = f"nothing refers to the feed '{fetch.feed}', so it is not fetched"
                hint = f"refer to it: ${fetch.feed}"
                path = ("context_feeds", fetch.place, "id")
                self.findings.append(_note("unused_feed", message, hint, path))


def feed_name(written: str) -> str:
    """The name by which references know a feed: its id, or the slug of one that is no name."""
    return written if OUTPUT_KEY.fullmatch(written) else slug(written)


def _trouble(written: str, name: str, taken: dict[str, str]) -> str | None:
    if not (OUTPUT_KEY.fullmatch(name) and ACTION_ID.fullmatch(name)):
        return f"no reference can name a feed with the id {quoted(written)}"
    if name in RESERVED_KEYS:
        return f"'{name}' is a reserved name and cannot be the id of a feed"
    return f"the id '{name}' of a feed is {taken[name]} too" if name in taken else None


def _fetch(feed: ContextFeed, name: str, place: int) -> Fetch:
    source = feed.source
    kind = _TYPES.get(source.type, ActionType.INTERNAL)
    target, operation = source.name, source.action if kind in _OPERATED else None
    if source.type == EXTERNAL:
        target, operation = EXTERNAL, source.name or source.action
    elif source.type == "internal":
        target = _built_in(source) or source.action or source.name
    return Fetch(
        id=name,
        name=f"feed {feed.id}"[:LONGEST_NAME],
        type=kind,
        target=target,
        operation=operation,
        parameters=source.params,
        output_key=name,
        cache=False,
        feed=name,
        interval=feed.interval,
        place=place,
    )


def _built_in(source: FeedSource) -> str | None:
    """What is built in that an internal source means, by its action or else its name."""
    words = [word.lower() for word in (source.action, source.name) if word]
    return next((_BUILT_IN[word].value for word in words if word in _BUILT_IN), None)


def _on_source(feed: ContextFeed, place: int) -> Iterator[Finding]:
    source = feed.source
    path = ("context_feeds", place, "source")
    message = f"the feed {quoted(feed.id)} is always null: cortex has no"
    if source.type == EXTERNAL:
        yield _note("unknown_source", f"{message} external sources", "let a tool fetch it", path)
    elif source.type == "internal" and _built_in(source) is None:
        word = source.action or source.name or "nameless"
        hint = did_you_mean(word, BuiltInFeed) or f"it has {listed(list(BuiltInFeed), 'and')}"
        yield _note("unknown_source", f"{message} internal source {quoted(word)}", hint, path)


def _on_interval(feed: ContextFeed, place: int) -> Iterator[Finding]:
    path = ("context_feeds", place, "type")
    called = f"the {feed.type} feed {quoted(feed.id)}"
    if feed.type != "on_demand" and feed.interval is None:
        message = f"{called} has no interval, so it is fetched once"
        yield _note("no_interval", message, "give it an 'interval' in seconds", path)
    elif feed.type == "streaming":
        message = f"{called} is fetched like a periodic one"
        yield _note("streaming_feed", message, "write type: periodic", path)


def _note(code: str, message: str, hint: str, path: tuple[str | int, ...]) -> Finding:
    return Finding(severity=Severity.NOTE, code=code, message=message, hint=hint, path=path)
