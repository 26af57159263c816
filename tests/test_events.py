"""Events: typed, readable as mappings, and the same after the wire."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from cortex_cli.errors import ActionError, Finding, ManifestError, Problem, UsageError
from cortex_cli.events import (
    ActionCompleted,
    ActionCompletedData,
    LimitChanged,
    LimitChangedData,
    LlmToken,
    LlmTokenData,
    WarningData,
    WarningRaised,
    decode,
    encode,
)
from cortex_cli.ids import did_you_mean, execution_id, nearest, slug
from cortex_cli.kinds import ActionState, Severity, SkipReason

HEADER: dict[str, Any] = {
    "schema": 1,
    "sequence": 3,
    "timestamp": "2026-11-22T10:00:00.250Z",
    "execution_id": "r",
    "iteration": 1,
    "path": ("outer",),
}


def test_an_event_about_a_run_has_no_action_on_the_wire() -> None:
    event = WarningRaised(**HEADER, data=WarningData(message="m"))
    assert msgspec.json.decode(encode(event)) == {
        **HEADER, "path": ["outer"], "event_type": "warning", "data": {"message": "m"}
    }  # fmt: skip
    assert decode(encode(event)) == event
    assert (event.event_type, event.action_id, event.action_name) == ("warning", None, None)
    assert event.seconds == 1_795_341_600.25


def test_an_event_about_an_action_names_it() -> None:
    data = ActionCompletedData(output={"x": [1]}, duration_seconds=0.5)
    event = ActionCompleted(**HEADER, action_id="a", action_name="A", data=data)
    wire = msgspec.json.decode(encode(event))
    assert (wire["action_id"], wire["action_name"]) == ("a", "A")
    assert wire["data"] == {
        "output": {"x": [1]}, "duration_seconds": 0.5, "attempts": 1, "cached": False,
        "usage": None,
    }  # fmt: skip
    assert decode(encode(event)) == event


def test_a_token_may_belong_to_an_action_or_to_the_run() -> None:
    data = LlmTokenData(token="t", model="m", cumulative_tokens=1)
    assert LlmToken(**HEADER, data=data).action_id is None
    assert LlmToken(**HEADER, data=data, action_id="a", action_name="A").action_id == "a"


def test_a_payload_reads_like_a_mapping_by_its_names_on_the_wire() -> None:
    data = LimitChangedData(which="slots", before=5, after=4, why="timeouts")
    assert isinstance(data, Mapping)
    assert dict(data) == {"which": "slots", "from": 5, "to": 4, "why": "timeouts"}
    assert {**data} == dict(data.items())
    assert list(data) == ["which", "from", "to", "why"]
    assert data["from"] == data.before == 5
    assert data.get("to") == 4
    assert data.get("nothing", 7) == 7
    assert "from" in data
    assert "before" not in data
    assert len(data) == 4
    assert list(data.values()) == ["slots", 5, 4, "timeouts"]
    with pytest.raises(KeyError):
        data["before"]
    event = LimitChanged(**HEADER, data=data)
    assert decode(encode(event)) == event


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"event_type": "surprise"}')


def test_problems_and_errors_are_one_line_with_the_way_out() -> None:
    finding = Finding(code="c", message="it is wrong", hint="mend it", path=("a", 0))
    assert str(finding.at("f.yaml", 3, 4)) == "f.yaml:3:4: it is wrong; mend it"
    assert str(finding.at()) == "it is wrong; mend it"
    note = Problem(severity=Severity.NOTE, code="c", message="so it is", file="f")
    assert str(note) == "f: note: so it is"
    assert str(UsageError("no", hint="yes")) == "no; yes"
    error = ManifestError([note, finding.at("f", 1, 1)])
    assert str(error) == "f:1:1: it is wrong; mend it"
    assert error.exit_code == 2
    assert ActionError("no").error_type == "error"


def test_names_become_ids_and_mistakes_find_their_like() -> None:
    assert slug("  Élan vital 2 ") == "lan_vital_2"
    assert nearest("fetc", ["fetch", "sum"]) == "fetch"
    assert nearest("FETCH_ALL_OF_IT", ["fetch_all_of_it"]) == "fetch_all_of_it"
    assert nearest("x" * 300, ["x" * 300]) is None
    assert did_you_mean("zzz", ["fetch"]) is None
    assert execution_id(bytes(8)) == "0" * 13
    assert len(execution_id(b"\xff" * 8)) == 13


def test_states_know_whether_they_are_final_and_skips_whether_they_block() -> None:
    assert ActionState.SKIPPED.is_final
    assert not ActionState.RUNNING.is_final
    assert SkipReason.UPSTREAM_FAILED.blocks
    assert not SkipReason.NOT_CHOSEN.blocks
