"""Who answers for a run's actions: an option, or the person at the terminal."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from getpass import getuser

import anyio

from cortex_cli.cli.deciding import way_in, worded
from cortex_cli.engine.people import Answer, Decision, Failure, Question
from cortex_cli.kinds import WayOn

_YES = frozenset({"y", "yes"})
_NO = frozenset({"n", "no", ""})
_MOST = 4_096
_CHOICES = "  [y]es  [n]o  [a]ll from now on; any other text is a no with that as its reason: "

Show = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class CliApprover:
    """Answers from what was said beforehand, else asks at the terminal, one question at a time.

    `given` has answers by path and id: True, False, or a text, which is a no with a reason.
    `aside` takes the display away while a question stands there; None: nobody can be asked.
    With `yes_to_all` from the start nobody is asked what to do about failures either: they stand.
    """

    given: Mapping[str, bool | str] = field(default_factory=dict[str, "bool | str"])
    yes_to_all: bool = False
    show: Show | None = None
    aside: Callable[[], AbstractContextManager[None]] | None = None
    _turn: anyio.Lock = field(default_factory=anyio.Lock)
    _lets_failures_stand: bool = False

    def __post_init__(self) -> None:
        self._lets_failures_stand = self.yes_to_all

    @property
    def is_there(self) -> bool:
        """Whether there is a person to ask, or somebody has said yes to all."""
        return self.yes_to_all or self.show is not None

    @property
    def answers(self) -> "CliApprover":
        """What was said beforehand, and nobody to ask for the rest."""
        return CliApprover(given=self.given, yes_to_all=self.yes_to_all)

    async def ask(self, question: Question) -> Answer | None:
        """The answer, as soon as there is one."""
        said = self.given.get("/".join((*question.path, question.action.id)))
        if said is not None:
            return _answer(said, "the command line")
        if self.yes_to_all:
            return Answer(approved=True, by="--yes")
        async with self._turn:
            # While this question waited for its turn, the answer to another may have been `all`.
            if self.yes_to_all:
                return Answer(approved=True, by=_user())
            return await self._ask_person(question)

    def can_decide(self, failure: Failure) -> bool:
        """Whether somebody has said what to do about the failure, or is there to say so."""
        return self._said(failure) is not None or self._is_asked_about_failures

    async def decide(self, failure: Failure) -> Decision | None:
        """What to do about a failure, as soon as that is said."""
        said = self._said(failure)
        if said is not None:
            return Decision(way=said, by="the command line")
        async with self._turn:
            # While this question waited for its turn, the answer to another may have been `all`.
            if not self._is_asked_about_failures:
                return Decision(way=WayOn.SKIP, by=_user())
            return await self._ask_about(failure)

    @property
    def _is_asked_about_failures(self) -> bool:
        return self.show is not None and not self._lets_failures_stand

    def _said(self, failure: Failure) -> WayOn | None:
        """What was said beforehand about a failure that an earlier part of the run has left open.

        What was said about others is whether they may run, which they may have done by now.
        """
        said = self.given.get("/".join((*failure.path, failure.action.id)))
        if said is None or not failure.was_open:
            return None
        if isinstance(said, str):
            return way_in(said) or WayOn.SKIP
        return WayOn.RETRY if said else WayOn.SKIP

    async def _ask_about(self, failure: Failure) -> Decision | None:
        if self.show is None or self.aside is None:
            return None
        with self.aside():
            self.show(worded(failure))
            while (line := await _line()) is not None:
                if line.strip().lower() in {"a", "all"}:
                    self._lets_failures_stand = True
                    return Decision(way=WayOn.SKIP, by=_user())
                way = way_in(line)
                if way is not None:
                    return Decision(way=way, by=_user())
                self.show("  please type r, s, t or a: ")
        return None

    async def _ask_person(self, question: Question) -> Answer | None:
        if self.show is None or self.aside is None:
            return None
        with self.aside():
            self.show(_worded(question))
            line = await _line()
        if line is None:
            return None
        word = line.strip()
        if word.lower() in {"a", "all"}:
            self.yes_to_all = True
        is_yes = self.yes_to_all or word.lower() in _YES
        return _answer(is_yes if is_yes or word.lower() in _NO else word, _user())


def can_ask(*, no_input: bool) -> bool:
    """Whether there is a person at the terminal who may be asked."""
    return not no_input and sys.stdin.isatty() and sys.stderr.isatty()


def _answer(said: bool | str, by: str) -> Answer:
    if isinstance(said, str):
        return Answer(approved=False, by=by, text=said)
    return Answer(approved=said, by=by)


def _worded(question: Question) -> str:
    from cortex_cli.ui.preview import preview
    from cortex_cli.ui.sanitise import safe_line

    lines = [question.text]
    if question.parameters:
        lines.append(f"  with {preview(question.parameters)}")
    return "\n".join([*map(safe_line, lines), _CHOICES])


async def _line() -> str | None:
    """The next line that is typed; None at the end of the input. A terminal gives whole lines."""
    await anyio.wait_readable(sys.stdin)
    given = os.read(sys.stdin.fileno(), _MOST)
    return given.decode("utf-8", "replace") if given else None


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):
        return str(os.getuid())
