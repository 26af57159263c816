"""What is refused, and what is unseen, is kept without secrets, as all else is."""

from cortex_cli.engine.masking import Masker
from cortex_cli.events import WarningData, WarningRaised, encode
from cortex_cli.kinds import TurnEnding
from cortex_cli.payloads import RefusedPart
from cortex_cli.unseen import PartWritten, TurnEnded

SECRET = "failed-s3cret"


def test_a_part_that_is_refused_is_masked() -> None:
    refused = RefusedPart(
        text=f"x {SECRET}",
        reason=f"no {SECRET}",
        is_action=True,
        part=(1, 1),
        written={"a": SECRET},
    )
    event = WarningRaised(
        schema=1, sequence=1, timestamp="2026-01-01T00:00:00.000Z", execution_id="r", iteration=1,
        path=(), data=WarningData(message="m", refused=refused),
    )  # fmt: skip
    masked = Masker([SECRET]).event(event)
    assert b"s3cret" not in encode(masked)
    assert b'"a":"***"' in encode(masked)


def test_what_is_unseen_is_masked_and_its_kinds_are_not() -> None:
    masker = Masker([SECRET, "failed"])
    part = masker.fact(PartWritten(path=(), part=(1, 1), text=SECRET, written={"a": SECRET}))
    assert part == PartWritten(path=(), part=(1, 1), text="***", written={"a": "***"})
    ended = TurnEnded(
        path=("failed",), turn=1, model="m", ending=TurnEnding.FAILED, error=SECRET, answer=[SECRET]
    )
    masked = masker.fact(ended)
    assert masked == TurnEnded(
        path=("failed",), turn=1, model="m", ending=TurnEnding.FAILED, error="***", answer=["***"]
    )
