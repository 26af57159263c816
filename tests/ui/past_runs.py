"""Runs to look back at: with waits of every cause, retries, nested runs, items, skips."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cortex_cli.events as ev
from cortex_cli.kinds import (
    ActionMode,
    ActionType,
    CancelReason,
    QueueReason,
    SkipReason,
    TerminationReason,
)
from cortex_cli.ui.about_run import AboutRun
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.run_story import RunStory, tell
from tests.ui.script import Script, planned

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
ABOUT = AboutRun(manifest="manifests/build.yaml")


def build() -> Script:
    """Two slots for three tests, an upload that is tried three times, a deployment that fails."""
    script = Script().start("build", inputs={"branch": "main", "depth": 3}).turn()
    script.plan(
        [
            planned("checkout", seconds=1.0),
            planned("lint", wave=2, seconds=0.5),
            planned("unit", wave=2, seconds=2.0),
            planned("integration", wave=2, seconds=2.5),
            planned("upload", wave=3, seconds=1.0, source="timeout_seconds"),
            planned("deploy", wave=4),
            planned("announce", wave=5),
            planned("tidy", wave=6),
            planned("mourn", kind=ActionType.INTERNAL, wave=5),
        ],
        {
            "lint": ["checkout"],
            "unit": ["checkout"],
            "integration": ["checkout"],
            "upload": ["unit"],
            "deploy": ["lint", "upload", "integration"],
            "announce": ["deploy"],
            "tidy": ["announce"],
            "mourn": ["deploy"],
        },
        scheduled=6.0,
        bound=5.0,
    )
    script.begin("checkout", parameters={"ref": "main"})
    script.at(1).complete("checkout", "a1b2c3", seconds=1.0)
    script.begin("unit").begin("integration").queue("lint")
    script.at(2).say("unit", "40 of 100 passed", fraction=0.4)
    script.at(3).complete("integration", {"passed": 12}, seconds=2.0)
    script.begin("lint").at(3.5).complete("unit", "ok", seconds=2.5).begin("upload")
    script.at(4).retry("upload", "HTTP 503", delay=0.5).queue("upload", QueueReason.RETRY)
    script.at(4.5).begin("upload", attempt=2).at(4.7).complete("lint", "clean", seconds=1.7)
    script.at(5).retry("upload", "HTTP 503", attempt=2, delay=0.5)
    script.queue("upload", QueueReason.RETRY).at(5.5).begin("upload", attempt=3, target="mirror")
    script.at(6).complete("upload", "done", seconds=2.5, attempts=3)
    script.begin("deploy").at(7).fail("deploy", "no route to host\nat all")
    script.skip("announce").skip("tidy")
    script.begin("mourn", kind=ActionType.INTERNAL, target=None)
    script.complete("mourn", "alas", seconds=0.0).warn("the disk is nearly full")
    script.warn("it was slow", "unit")
    return script.end(
        ev.AgentFailed,
        TerminationReason.ACTION_FAILED,
        outputs={"commit": "a1b2c3", "tests": {"passed": 12}, "nothing": None},
        error="action 'deploy' failed: no route to host",
        error_type="error",
        resume="cortex resume run-7f3a --retry-failed",
    )


def study() -> Script:
    """An agent with a nested run, a list of items, models that are used, and a cached action."""
    script = Script().start("study").turn()
    script.plan(
        [
            planned("fetch"),
            planned("read", kind=ActionType.AGENT, wave=2),
            planned("each", wave=2),
            planned("write", kind=ActionType.LLM, wave=3),
            planned("log", mode=ActionMode.FIRE_AND_FORGET, wave=3),
        ],
        {"read": ["fetch"], "each": ["fetch"], "write": ["read", "each"], "log": ["fetch"]},
        scheduled=10.0,
    )
    script.begin("fetch").complete("fetch", ["a", "b"], seconds=0.0, cached=True)
    script.begin("read", kind=ActionType.AGENT, target="reader").begin("each")
    script.extend([planned("each[0]"), planned("each[1]")], complete=True)
    script.start("reader", path="read").turn(path="read")
    script.plan(
        [planned("skim", kind=ActionType.LLM), planned("sum")], {"sum": ["skim"]}, path="read"
    )
    script.begin("each[0]").queue("each[1]")
    script.begin("skim", kind=ActionType.LLM, target="default", path="read")
    script.at(0.5).think("skim", "Let me see", path="read").token("skim", "It ", path="read")
    script.token("skim", "says so.", number=2, path="read")
    used = ev.Usage(input_tokens=100, output_tokens=20, cost_usd=0.01)
    script.at(1).complete("each[0]", "A").begin("each[1]")
    script.at(2).complete("skim", "It says so.", seconds=2.0, usage=used, path="read")
    script.begin("sum", path="read").at(2.5).complete("each[1]", "B", seconds=1.5)
    script.complete("each", ["A", "B"], seconds=2.5)
    script.at(3).complete("sum", 7, path="read").end(path="read")
    more = ev.Usage(input_tokens=150, output_tokens=30, cost_usd=0.015)
    script.complete("read", {"sum": 7}, seconds=3.0, usage=more)
    script.ask("write", "Write it?").at(4).answer("write").queue("write", QueueReason.RATE)
    script.at(4.5).begin("write", kind=ActionType.LLM, target="large")
    script.begin("log", mode=ActionMode.FIRE_AND_FORGET)
    last = ev.Usage(input_tokens=10, output_tokens=200)
    script.at(6).complete("write", "The end.", seconds=1.5, usage=last)
    script.at(6.5).cancel("log", CancelReason.GRACE_ENDED, seconds=2.0)
    total = ev.Usage(input_tokens=200, output_tokens=240, cost_usd=0.02)
    return script.end(outputs="The end.", usage=total, cost=0.02)


def two_turns() -> Script:
    """A loop of two iterations, in the first of which something is left unfinished."""
    script = Script().start("loop", iterations=2).turn(1, of=2)
    script.plan([planned("look"), planned("lost", wave=2)], {"lost": ["look"]}).begin("look")
    script.at(1).complete("look", 1).at(3).turn(2, of=2).plan([planned("look"), planned("act")])
    script.begin("act").at(4).complete("act", 2).skip("look", SkipReason.CONDITION_FALSE)
    return script.end()


def told(script: Script) -> RunStory:
    return tell(script.events)


def action(story: RunStory, label: str) -> ActionStory:
    return {one.label: one for one in story}[label]


def cut_short(script: Script, events: int) -> list[Any]:
    """The first events of a run, as they are left by a process that was killed."""
    return script.events[:events]


def naughty_runs() -> Iterator[Script]:
    """Runs in which every text is a naughty string, forty of them in each."""
    strings = [text for text in json.loads(NAUGHTY.read_text(encoding="utf-8")) if text]
    for first in range(0, len(strings), 40):
        yield hostile(strings[first : first + 40])


def hostile(strings: list[str]) -> Script:
    """A run in which every text is one of these."""
    script = Script().start(strings[0], inputs=dict.fromkeys(strings, strings))
    names = [f"a{number}" for number in range(len(strings))]
    script.plan([planned(n, name=text) for n, text in zip(names, strings, strict=True)])
    for name, text in zip(names, strings, strict=True):
        script.begin(name, kind=ActionType.LLM, target=text, parameters={text: text})
        script.say(name, text).token(name, text, model=text).think(name, text).warn(text, name)
        if len(text) % 3:
            script.complete(name, text)
        else:
            script.retry(name, text).begin(name, attempt=2).fail(name, text, attempts=2)
    used = ev.Usage(input_tokens=1)
    return script.end(
        ev.AgentFailed, outputs={text: text for text in strings}, error=strings[0], usage=used
    )
