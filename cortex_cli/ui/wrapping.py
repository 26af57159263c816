"""Safe text folded to a number of columns."""

import textwrap

from rich.cells import cell_len, chop_cells


def wrapped(line: str, width: int) -> list[str]:
    """One safe line as several of at most `width` columns, between words where it can be."""
    width = max(1, width)
    if cell_len(line) == len(line):
        return textwrap.wrap(line, width) or [""]
    return chop_cells(line, max(2, width)) or [""]
