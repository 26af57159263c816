"""One plain line an event: for pipes, logs and terminals that can't move their cursor.

`  0.52s  fetch_arxiv  completed in 0.41s`: the time since the run began, who, and what happened,
two spaces apart. Inside a nested run, who is `summarize_papers/read`. What a model writes comes
line by line.
"""

from typing import IO

from cortex_cli.events import Event, LlmToken, Thought
from cortex_cli.ui.sentences import sentence
from cortex_cli.ui.theme import Theme
from cortex_cli.ui.view import RunView, fold

_LONGEST_PIECE = 500


class PlainDisplay:
    """Writes the lines to a text stream as the events come."""

    def __init__(self, stream: IO[str], theme: Theme, view: RunView | None = None) -> None:
        """`theme` is the one that suits the stream."""
        self.view = view or RunView()
        self._stream = stream
        self._theme = theme
        self._written: dict[tuple[str, str], str] = {}

    def start(self) -> None:
        """Nothing to prepare."""

    def handle(self, event: Event) -> None:
        """Write the line of the event, or what a model has finished writing before it."""
        fold(self.view, event)
        who = "/".join((*event.path, event.action_id) if event.action_id else event.path)
        match event:
            case LlmToken(data=data):
                self._gather(who, "says", data.token)
            case Thought(data=data):
                self._gather(who, "thinks", data.text)
            case _:
                self._finish(who)
                iterations = self.view.scope(event.path).max_iterations
                if (said := sentence(event, iterations)) is not None:
                    self._write(who, said)

    def tick(self, _now: float, /) -> None:
        """Let what was written go out."""
        self._stream.flush()

    def close(self) -> None:
        """Write what models had begun."""
        for who, verb in list(self._written):
            self._write_piece(who, verb)
        self._stream.flush()

    def _gather(self, who: str, verb: str, piece: str) -> None:
        if (who, verb) not in self._written:
            self._finish(who)
        text = self._written.get((who, verb), "") + piece
        *lines, rest = text.split("\n")
        if len(rest) > _LONGEST_PIECE:
            lines.append(rest)
            rest = ""
        for line in lines:
            if line.strip():
                self._write(who, f"{verb}: {line.strip()}")
        self._written[who, verb] = rest

    def _finish(self, who: str) -> None:
        for verb in ("says", "thinks"):
            self._write_piece(who, verb)

    def _write_piece(self, who: str, verb: str) -> None:
        if rest := self._written.pop((who, verb), "").strip():
            self._write(who, f"{verb}: {rest}")

    def _write(self, who: str, said: str) -> None:
        at = self.view.elapsed(self.view.latest)
        shown = self._theme.line(who or self.view.root.name or "run")
        self._stream.write(f"{at:6.2f}s  {shown}  {self._theme.line(said)}\n")
