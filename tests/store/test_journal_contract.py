"""Journals of both kinds keep the promises of the port."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from cortex_cli.engine.ports import Journal
from cortex_cli.events import Event
from cortex_cli.store.journal import MemoryJournal
from cortex_cli.testing import journal_contract as contract
from tests.store.builders import make_folder, open_journal, read

Subject = tuple[Journal, Callable[[], Iterable[Event]]]


@pytest.fixture(params=["memory", "process", "power"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """A journal that holds nothing, and how it is read."""
    if request.param == "memory":
        memory = MemoryJournal()
        yield memory, lambda: memory
        return
    folder = make_folder(tmp_path / "run")
    journal = open_journal(folder, request.param)
    yield journal, lambda: read(folder)
    journal.close()


async def test_events_come_back_as_they_were(subject: Subject) -> None:
    await contract.check_events_come_back_as_they_were(*subject)


async def test_durable_events_can_be_read_at_once(subject: Subject) -> None:
    await contract.check_durable_events_can_be_read_at_once(*subject)


async def test_it_tells_the_event_loop_in_order(subject: Subject) -> None:
    await contract.check_it_tells_the_event_loop_in_order(subject[0])


async def test_a_gap_is_refused(subject: Subject) -> None:
    await contract.check_a_gap_is_refused(*subject)


async def test_values_are_kept_as_they_were_given(subject: Subject) -> None:
    await contract.check_values_are_kept_as_they_were_given(*subject)
