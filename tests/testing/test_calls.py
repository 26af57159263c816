from pathlib import Path

from cortex_cli.events import Usage
from cortex_cli.testing import RecordingReporter, ReportedProgress, make_call


def test_a_recording_reporter_keeps_everything_in_order() -> None:
    report = RecordingReporter()
    report.progress("half", fraction=0.5)
    report.progress(current=1, total=2)
    report.token("a", "m")
    report.thought("hm")
    report.usage(Usage(input_tokens=1))
    report.warn("careful")
    assert report.steps == [
        ReportedProgress(message="half", fraction=0.5),
        ReportedProgress(current=1, total=2),
    ]
    assert report.tokens == [("a", "m")]
    assert report.thoughts == ["hm"]
    assert report.usages == [Usage(input_tokens=1)]
    assert report.warnings == ["careful"]


def test_a_made_call_carries_what_it_was_given(tmp_path: Path) -> None:
    report = RecordingReporter()
    call = make_call({"a": 1}, report=report, operation="read", env={"X": "1"}, run_dir=tmp_path)
    assert call.parameters == {"a": 1}
    assert call.action.operation == "read"
    assert call.env == {"X": "1"}
    assert call.run_dir == tmp_path
    assert call.report is report
    assert make_call().parameters == {}
