"""The outputs of a run as text, for standard output."""

import json
from collections.abc import Mapping
from typing import Any, cast

from cortex_cli.ui.sanitise import safe_text


def render_outputs(outputs: Any, *, is_terminal: bool) -> str:
    """The outputs with a line end after each, or nothing if there are none.

    A single string is given as it is; of several outputs each has its name above it, then its
    text or its JSON, indented. For a terminal all of it is made safe; in a pipe nothing changes
    but lone surrogates, which no encoding has.
    """
    named = cast(Mapping[str, Any], outputs) if isinstance(outputs, Mapping) else None
    if outputs is None or named == {}:
        return ""
    if named is None:
        text = _text(outputs)
    elif len(named) == 1:
        text = _text(next(iter(named.values())))
    else:
        text = "\n".join(f"{name}:\n{_text(value)}" for name, value in named.items())
    if is_terminal:
        return safe_text(text)
    return text.encode("utf-8", "backslashreplace").decode()


def _text(value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return shown if shown.endswith("\n") else f"{shown}\n"
