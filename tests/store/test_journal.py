import pytest

from cortex_cli.events import Event, WarningData, WarningRaised
from cortex_cli.store.journal import MemoryJournal


def warning(sequence: int) -> Event:
    return WarningRaised(
        schema=1,
        sequence=sequence,
        timestamp="2024-01-01T00:00:00.000Z",
        execution_id="run",
        iteration=1,
        path=(),
        data=WarningData(message=str(sequence)),
    )


def test_events_are_read_in_the_order_in_which_they_were_written() -> None:
    journal = MemoryJournal()
    events = [warning(number) for number in range(1, 6)]
    for event in events:
        journal.append(event)
    assert list(journal) == events
    assert len(journal) == 5


def test_since_gives_what_came_after() -> None:
    journal = MemoryJournal()
    events = [warning(number) for number in range(1, 6)]
    for event in events:
        journal.append(event)
    assert journal.since(0) == events
    assert journal.since(3) == events[3:]
    assert journal.since(5) == []
    assert MemoryJournal().since(0) == []


def test_a_gap_is_refused() -> None:
    journal = MemoryJournal()
    journal.append(warning(1))
    with pytest.raises(ValueError, match="event 3 was written where 2 was due"):
        journal.append(warning(3))
