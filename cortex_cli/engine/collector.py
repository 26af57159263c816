"""The collector of cyclic garbage, and when it is better left alone."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Generator[None]:
    """Build many objects that all stay, without a collection in between.

    The collector counts what is made, and looks through everything that lives when there is a
    quarter more of it: of a large plan, more than once, to find nothing. Nothing may await in
    here; afterwards the collector is on if it was on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
