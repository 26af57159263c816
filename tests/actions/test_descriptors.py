"""Room for processes within the limit of open files, which those processes don't inherit."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from cortex_cli.actions.descriptors import PER_PROCESS, Descriptors

LOW = 400


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


@pytest.fixture(autouse=True)
def low_limit() -> Iterator[None]:
    soft, hard = limits()
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOW, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_limit_stays_where_it_is_enough() -> None:
    descriptors = Descriptors()
    for processes in (0, 1, 10):
        descriptors.provide_for(processes)
    with descriptors.limit_of_children():
        assert limits()[0] == LOW
    assert limits()[0] == LOW


def test_limit_is_raised_as_far_as_it_takes_and_children_get_the_old_one() -> None:
    descriptors = Descriptors()
    for processes in (200, 300):
        descriptors.provide_for(processes)
        assert processes * PER_PROCESS < limits()[0] < processes * PER_PROCESS + LOW
    raised = limits()
    with descriptors.limit_of_children():
        assert limits()[0] == LOW
        assert Path("/dev/null").read_bytes() == b""
    assert limits() == raised
