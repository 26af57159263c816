"""What can go wrong, worded once: problems in what people wrote, and errors with an exit code."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from cortex_cli.kinds import Severity


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or worth knowing, in what somebody wrote.

    Its fields are its JSON form. `line` and `column` count from 1; with `file`, they are None
    where no file is known.
    """

    severity: Severity = Severity.ERROR
    code: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """`file:line:column`, as much of it as is known."""
        known = (self.file, self.line, self.column)
        return ":".join(str(part) for part in known if part is not None)

    def __str__(self) -> str:
        """One line: place, message and hint."""
        place = f"{self.place}: " if self.place else ""
        mark = "" if self.severity is Severity.ERROR else f"{self.severity}: "
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}{mark}{self.message}{hint}"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A problem that knows its path in the document (`("actions", 3, "target")`), not yet its file.

    The checks of a plan make findings; whoever knows the file turns them into problems.
    """

    severity: Severity = Severity.ERROR
    code: str
    message: str
    hint: str | None = None
    path: tuple[str | int, ...] = ()

    def at(
        self, file: str | None = None, line: int | None = None, column: int | None = None
    ) -> Problem:
        """The problem that this finding is at a place of a file."""
        return Problem(
            severity=self.severity,
            code=self.code,
            message=self.message,
            hint=self.hint,
            file=file,
            line=line,
            column=column,
        )


class CortexError(Exception):
    """An error that is one line for the user; anything else that is raised is a bug."""

    exit_code: ClassVar[int] = 1
    hint: str | None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """`hint` shows the way out, after the message."""
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        """The message and its hint on one line."""
        message = super().__str__()
        return f"{message}; {self.hint}" if self.hint else message


class ManifestError(CortexError):
    """A manifest or a plan that cannot be run; carries every problem that was found."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        """`problems` holds at least one of severity `error`."""
        self.problems = tuple(problems)
        errors = [problem for problem in self.problems if problem.severity is Severity.ERROR]
        super().__init__("\n".join(str(problem) for problem in errors))


class UsageError(CortexError):
    """The command line, or a call of the library, is wrong; nothing was run."""

    exit_code = 2


class SetupError(CortexError):
    """The environment is wrong: a missing program, service, key, extra, or an unusable folder."""

    exit_code = 3


class MissError(CortexError):
    """A run that is replayed has come to something else than its record has.

    `sequence` is the number of the event; `path` and `action_id` are of the action that it is
    about, or of the run if there is none.
    """

    exit_code = 6

    def __init__(
        self, message: str, *, sequence: int, path: tuple[str, ...] = (), action_id: str | None
    ) -> None:
        """The message says what the record has, and what the run wants."""
        super().__init__(message)
        self.sequence = sequence
        self.path = path
        self.action_id = action_id


class ActionError(CortexError):
    """One attempt of an action has failed, for a reason that the user can read.

    `error_type` is a short stable word for programs (`exit_status`, `http_status`, `timeout` …).
    `retryable` is False where a further attempt cannot end differently. `retry_after` is how many
    seconds a service asked to be left alone.
    """

    def __init__(
        self,
        message: str,
        *,
        error_type: str = "error",
        retryable: bool = True,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        """The message is shown as it is, made safe for the terminal by whoever shows it."""
        super().__init__(message, hint=hint)
        self.error_type = error_type
        self.retryable = retryable
        self.retry_after = retry_after
