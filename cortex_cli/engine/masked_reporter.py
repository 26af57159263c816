"""Reports of a handler in a run with secrets: what comes in pieces is masked as one text."""

from cortex_cli.engine.masking import ChunkMasker, Masker
from cortex_cli.engine.reporter import ActionReporter
from cortex_cli.events import Usage


class MaskedReporter:
    """Passes on what a handler says; holds tokens and thoughts back while they may begin a secret.

    What is said at once is masked with its event.
    """

    def __init__(self, reporter: ActionReporter, masker: Masker) -> None:
        """`reporter` makes the events."""
        self._reporter = reporter
        self._tokens = ChunkMasker(masker)
        self._thoughts = ChunkMasker(masker)
        self._model = ""

    def close(self) -> None:
        """Give what was held back, and let nothing through any more."""
        self._think(self._thoughts.flush())
        self._say(self._tokens.flush())
        self._reporter.close()

    def progress(
        self,
        message: str = "",
        *,
        fraction: float | None = None,
        current: float | None = None,
        total: float | None = None,
    ) -> None:
        """Publish how far the work is."""
        self._reporter.progress(message, fraction=fraction, current=current, total=total)

    def token(self, text: str, model: str) -> None:
        """Publish what can be shown of a model's answer by now."""
        self._model = model
        self._say(self._tokens.feed(text))

    def thought(self, text: str) -> None:
        """Publish what can be shown of a model's reasoning by now."""
        self._think(self._thoughts.feed(text))

    def usage(self, usage: Usage) -> None:
        """Add to what the action has used."""
        self._reporter.usage(usage)

    def warn(self, message: str) -> None:
        """Publish a warning."""
        self._reporter.warn(message)

    def _say(self, text: str) -> None:
        if text:
            self._reporter.token(text, self._model)

    def _think(self, text: str) -> None:
        if text:
            self._reporter.thought(text)
