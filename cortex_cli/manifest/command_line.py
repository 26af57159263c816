"""A command in a manifest as the list of arguments that it is: no shell reads it."""

import shlex

_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>&1", "&>"})


def arguments(command: str | tuple[str, ...]) -> tuple[str, ...]:
    """The arguments of a command, a text being taken apart at its spaces, quotes kept together.

    Raises ValueError, with a reason, for an empty command, and for a text that only a shell could
    follow.
    """
    words = command if isinstance(command, tuple) else _words(command)
    if not words or not words[0]:
        message = "must name a program"
        raise ValueError(message)
    return words


def _words(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        message = f"must be a command, and this one has an open quote: {error}"
        raise ValueError(message) from error
    for word in words:
        if word in _OPERATORS or word.endswith(";"):
            message = f"must be one command: '{word}' needs a shell, as in [sh, -c, \"…\"]"
            raise ValueError(message)
    return words
