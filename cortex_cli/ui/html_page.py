"""A run as one HTML page that needs nothing else: no network, no script to be read.

All that comes from events is text (`html_text`). The page forbids itself everything but its own
style sheet and its own few lines of script, which only filter.
"""

import base64
import hashlib
from collections.abc import Iterator
from datetime import tzinfo
from html import escape

from cortex_cli.ui.about_run import AboutRun
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.excerpt import excerpt
from cortex_cli.ui.html_actions import MOST_OF_ONE, Budget, actions_html
from cortex_cli.ui.html_css import CSS, SCRIPT
from cortex_cli.ui.html_graph import graph_html
from cortex_cli.ui.html_head import head_html
from cortex_cli.ui.html_tables import errors, misses, models, path, waits, warnings
from cortex_cli.ui.html_text import fold, section, text
from cortex_cli.ui.looking_back import look_back
from cortex_cli.ui.run_report import RunReport
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.show_run import named
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.walk_back import walk_back

MOST_NESTED = 8


def html_page(story: RunStory, about: AboutRun, zone: tzinfo | None) -> str:
    """The page; `zone` is that of its times, None the machine's."""
    report = look_back(story, about, MOST_OF_ONE)
    links = [link.action for link in walk_back(story)]
    budget = Budget()
    name = text(report.name or "run")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">\n'
        f"<title>{name}: {report.state.value}</title>\n<style>{CSS}</style></head>\n<body><main>\n"
        f"{''.join(_body(story, report, links, budget, zone))}"
        "<footer>A report of cortex. It needs no network, and shows what is in the events "
        f"of the run.</footer>\n</main><script>{SCRIPT}</script></body></html>\n"
    )


def _policy() -> str:
    def only(content: str) -> str:
        return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()

    return escape(
        f"default-src 'none'; style-src 'sha256-{only(CSS)}'; script-src 'sha256-{only(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'",
        quote=True,
    )


def _body(
    story: RunStory,
    report: RunReport,
    links: list[ActionStory],
    budget: Budget,
    zone: tzinfo | None,
) -> Iterator[str]:
    yield head_html(report, zone)
    yield section("Errors", errors(report), style="trouble")
    yield section("Outputs", _outputs(report, budget))
    yield section("Time line", actions_html(story, links, budget), "open a line to see more")
    taken = sum(link.seconds - link.retry_seconds for link in report.critical_path)
    spent = f"{seconds_text(taken)} of work in {seconds_text(report.duration_seconds)}"
    left, right = (
        section("Critical path, as it was", path(report), spent),
        section("Waits", waits(report)),
    )
    yield f'<div class="pair"><div>{left}</div><div>{right}{section("Models", models(report))}</div></div>'
    yield section("Graph", "".join(_graphs(story, links)))
    yield section("Estimates and what became of them", misses(report))
    yield section("Inputs", budget.take(excerpt(report.inputs)) if report.inputs else "")
    yield section("Warnings", warnings(report))


def _outputs(report: RunReport, budget: Budget) -> str:
    shown = [
        (name, excerpt(value)) for name, value in named(report.outputs).items() if value is not None
    ]
    if len(shown) == 1 and not shown[0][0]:
        return budget.take(shown[0][1])
    return "".join(
        fold(name, budget.take(value), f"{value.characters:,} characters", is_open=place < 3)
        for place, (name, value) in enumerate(shown)
    )


def _graphs(story: RunStory, links: list[ActionStory]) -> Iterator[str]:
    """The run's own graph, then those of a few nested runs, closed."""
    scopes = [scope for scope in story.view.scopes.values() if scope.rows]
    for scope in scopes[: MOST_NESTED + 1]:
        rows = [row for row in scope.rows.values() if not row.id.endswith("]")]
        drawn = graph_html([story.of(row) for row in rows], links)
        yield fold("/".join(scope.path), drawn, "a nested run") if scope.path else drawn
    if len(scopes) > MOST_NESTED + 1:
        yield f'<p class="note">{len(scopes) - MOST_NESTED - 1:,} more nested runs, not drawn</p>'
