import io

import pytest
from inline_snapshot import snapshot
from msgspec.structs import replace
from rich.cells import cell_len

from cortex_cli.report import AtSlots, Shortening, WhatIf
from cortex_cli.ui.glyphs import ASCII
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from cortex_cli.ui.what_if import print_what_if

IN_ASCII = Theme(glyphs=ASCII, ascii_only=True)


def points(*seconds: float) -> tuple[AtSlots, ...]:
    return tuple(
        AtSlots(slots=slots, scheduled_seconds=at, speedup=seconds[0] / at if at else 1.0)
        for slots, at in enumerate(seconds, start=1)
    )


def example() -> WhatIf:
    return WhatIf(
        slots=2,
        scheduled_seconds=180,
        curve=points(330, 180, 140, 130),
        knee=3,
        shortenings=(
            Shortening(
                id="synthesize_report",
                twice_as_fast_seconds=140,
                cached_seconds=100,
                without_barrier_seconds=180,
            ),
            Shortening(
                id="fetch",
                twice_as_fast_seconds=180,
                cached_seconds=172.5,
                without_barrier_seconds=None,
            ),
            Shortening(
                id="gate",
                twice_as_fast_seconds=180,
                cached_seconds=180,
                without_barrier_seconds=175,
            ),
        ),
    )


def printed(what_if: WhatIf, width: int = 80, theme: Theme | None = None) -> str:
    stream = io.StringIO()
    console = make_console(stream, {}, ColorChoice.NEVER, width=width)
    print_what_if(console, what_if, theme or Theme())
    return stream.getvalue()


def test_the_example_in_80_columns() -> None:
    assert printed(example()) == snapshot("""\

What if: slots
1  330 s      1.0x   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
2  180 s      1.8x   ━━━━━━━━━━━━━━━━━━━━━━━━━━━ now
3  140 s      2.4x   ━━━━━━━━━━━━━━━━━━━━━ knee
4  130 s      2.5x   ━━━━━━━━━━━━━━━━━━━

What if: actions
saves              twice as fast         cached     no barrier
synthesize_report          -40 s          -80 s              -
fetch                          -         -7.5 s              -
gate                           -              -           -5 s
""")


def test_the_example_in_40_columns() -> None:
    assert printed(example(), 40) == snapshot("""\

What if: slots
1  330 s      1.0x   ━━━━━━━━━
2  180 s      1.8x   ━━━━━ now
3  140 s      2.4x   ━━━━ knee
4  130 s      2.5x   ━━━━

What if: actions
synthesize_re…         cached      -80 s
fetch                  cached     -7.5 s
gate               no barrier       -5 s
""")


def test_the_example_in_ascii() -> None:
    shown = printed(example(), 60, IN_ASCII)
    assert shown.isascii()
    assert "1  330 s      1.0x" in shown


@pytest.mark.parametrize("width", [40, 59, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    slow = AtSlots(slots=10_000, scheduled_seconds=3e9, speedup=4_000)
    long = replace(example().shortenings[0], id="界" * 128, cached_seconds=0)
    large = WhatIf(
        slots=10_000,
        scheduled_seconds=3e9,
        curve=(*points(330, 180), slow),
        knee=10_000,
        shortenings=(long,),
    )
    for theme in (Theme(), IN_ASCII):
        assert max(map(cell_len, printed(large, width, theme).splitlines())) <= width


def test_the_plan_s_own_slots_and_the_knee_may_be_one() -> None:
    shown = printed(replace(example(), knee=2))
    assert shown.splitlines()[3].endswith(" now, knee")


def test_a_plan_that_nothing_shortens_says_so() -> None:
    shown = printed(replace(example(), shortenings=()))
    assert shown.endswith("\nWhat if: actions\nno single action holds it up\n")


def test_a_plan_that_takes_no_time_has_no_bars() -> None:
    nothing = WhatIf(slots=1, scheduled_seconds=0, curve=points(0), knee=1)
    assert "1  0 s        1.0x    now, knee\n" in printed(nothing)
