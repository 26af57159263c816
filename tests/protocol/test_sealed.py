"""What is sealed shows its mask to whoever does not ask for more."""

import copy
import json
import pickle

import msgspec
import pytest

from cortex_cli.protocol.sealed import Sealed, as_json, holds_sealed, joined, reveal, rewritten

KEY = "sk-0123456789"
SEALED = Sealed("***", KEY)
SEVERAL = [SEALED, SEALED]


def test_whoever_forgets_to_reveal_shows_the_mask() -> None:
    shown = [
        str(SEALED), f"{SEALED}", repr(SEALED), SEALED + "", SEALED[:], SEALED.upper(), f"{SEALED}",
        "".join(SEVERAL), json.dumps({"k": SEALED}), str({"k": SEALED}), repr([SEALED]),
        copy.copy(SEALED), copy.deepcopy({"k": SEALED})["k"], pickle.loads(pickle.dumps(SEALED)),
    ]  # fmt: skip
    assert all(type(text) is str and KEY not in text for text in shown)
    with pytest.raises(TypeError):
        msgspec.json.encode({"k": SEALED})
    assert SEALED.reveal() == KEY


def test_values_are_revealed_down_to_their_keys_and_otherwise_copied() -> None:
    value = {SEALED: [SEALED, (1, SEALED)], "n": None}
    assert reveal(value) == {KEY: [KEY, [1, KEY]], "n": None}
    assert list(value) == ["***", "n"]
    assert rewritten(3, str) == "3"


@pytest.mark.parametrize("value", [SEALED, [1, (SEALED,)], {"a": {"b": SEALED}}, {SEALED: 1}])
def test_what_is_sealed_is_found_wherever_it_is(value: object) -> None:
    assert holds_sealed(value)
    assert as_json(value) != ""
    sealed = as_json(value)
    assert isinstance(sealed, Sealed)
    assert KEY not in sealed
    assert KEY in sealed.reveal()


def test_what_is_not_sealed_stays_a_plain_text() -> None:
    assert not holds_sealed({"a": ["***", 1, None]})
    assert type(as_json({"a": "é"})) is str
    assert type(joined(["a", "b"])) is str


def test_a_text_with_something_sealed_in_it_keeps_the_rest_readable() -> None:
    text = joined(["Bearer ", SEALED, "!"])
    assert text == "Bearer ***!"
    assert isinstance(text, Sealed)
    assert text.reveal() == f"Bearer {KEY}!"
