"""What the tests of misbehaving tools share."""

from pathlib import Path

import pytest

from tests.badtools.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
