#!/usr/bin/env python3
"""Makes the pictures of the documentation: runs the example manifests and draws what is shown.

    python docs/make_pictures.py [FOLDER]

The folder is `docs/pictures` by default. Needs the extra `viz` for the graph.
"""

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import anyio
from rich.console import Console
from rich.text import Text

from cortex_cli.events import Event, LlmToken
from cortex_cli.report import PlanReport
from cortex_cli.session.session import Request, Session
from cortex_cli.ui.frame import frame
from cortex_cli.ui.graph_dot import to_dot
from cortex_cli.ui.graph_svg import render_svg
from cortex_cli.ui.plan_report import print_plan
from cortex_cli.ui.summary import summary
from cortex_cli.ui.theme import ColorChoice, Theme, make_console
from cortex_cli.ui.view import RunView, fold

DOCS = Path(__file__).resolve().parent
MANIFEST = DOCS.parent / "manifests" / "research_assistant.yaml"
WIDTH = 92
HEIGHT = 23
TOKENS_BEFORE_THE_PICTURE = 60

_FONTS_FROM_THE_NET = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main(folder: Path) -> None:
    """Write the four pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    report, events = anyio.run(recorded_run)
    drawn = {
        "plan": plan_picture(report),
        "live": live_picture(events),
        "summary": summary_picture(events),
        "graph": render_svg(to_dot(report, name=report.agent)).decode(),
    }
    for name, svg in drawn.items():
        lines = (line.rstrip() for line in svg.splitlines())
        (folder / f"{name}.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def recorded_run() -> tuple[PlanReport, list[Event]]:
    """The plan of the research assistant, and the events of one run of it."""
    with tempfile.TemporaryDirectory() as state:
        request = Request(
            source=MANIFEST, cwd=DOCS.parent, environ={**os.environ, "CORTEX_HOME": state}
        )
        session = Session.open(request)
        try:
            return session.report, [event async for event in session.run(session.inputs({}))]
        finally:
            await session.aclose()


def plan_picture(report: PlanReport) -> str:
    """What `cortex plan` prints."""
    console = recording_console()
    print_plan(console, report, Theme())
    return svg_of(console, "plan", f"cortex plan {MANIFEST.name}")


def live_picture(events: Iterable[Event]) -> str:
    """What `cortex run` shows while a model writes and a tool works beside it."""
    view = RunView()
    tokens = 0
    for event in events:
        fold(view, event)
        tokens += isinstance(event, LlmToken)
        if tokens == TOKENS_BEFORE_THE_PICTURE:
            break
    lines = frame(view, Theme(), view.latest, WIDTH, HEIGHT)
    return lines_picture(lines, "live")


def summary_picture(events: Iterable[Event]) -> str:
    """What `cortex run` says when the run has ended."""
    view = RunView()
    for event in events:
        fold(view, event)
    return lines_picture(summary(view, Theme(), WIDTH), "summary")


def lines_picture(lines: Iterable[Text], name: str) -> str:
    """Lines of the display, as `cortex run` prints them."""
    console = recording_console()
    for line in lines:
        console.print(line, soft_wrap=True)
    return svg_of(console, name, f"cortex run {MANIFEST.name}")


def recording_console() -> Console:
    """A console as the commands make it, that remembers what is printed."""
    console = make_console(io.StringIO(), {}, ColorChoice.ALWAYS, width=WIDTH)
    console.record = True
    return console


def svg_of(console: Console, name: str, title: str) -> str:
    """What was printed, as a picture that takes nothing from the network."""
    svg = console.export_svg(title=title, unique_id=f"cortex-{name}")
    return _FONTS_FROM_THE_NET.sub("", svg)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures")
