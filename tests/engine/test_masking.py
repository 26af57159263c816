"""A secret never shows, however it is written; a text without one stays as it is."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cortex_cli.engine.masking import ByteMasker, ChunkMasker, Masker
from cortex_cli.events import ActionCompleted, ActionCompletedData
from cortex_cli.protocol.sealed import Sealed

KEY = "sk-Ab12_Cd34"
ODD = 'p@ss/w"o\\r d+é😀\n&x'
PEM = "-----BEGIN KEY-----\n{}\n{}\nab\n-----END KEY-----".format("Qx" * 32, "zY" * 32)

# No '*', so that what is left of a text and a mask can't make a secret together.
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="*")
SECRETS = st.one_of(
    st.text(LETTERS, min_size=6, max_size=120),
    st.text('ab/+"\\n%25 \n=', min_size=6, max_size=20),
)
TEXTS = st.text(st.one_of(LETTERS, st.sampled_from('ab/+"\\n%25 \n=')), max_size=60)


def spelled(secret: str) -> dict[str, str]:
    """The secret in all the ways that are promised."""
    data = secret.encode()
    written = json.dumps(secret)
    return {
        "raw": secret,
        "json": written[1:-1],
        "json, not ascii only": json.dumps(secret, ensure_ascii=False)[1:-1],
        "json in json": json.dumps(written)[3:-3],
        "percent": quote(secret),
        "percent, slashes too": quote(secret, safe=""),
        "percent, lower": lowered(quote(secret, safe="")),
        "form": quote_plus(secret),
        "base64": b64encode(data).decode(),
        "base64, unpadded": b64encode(data).decode().rstrip("="),
        "base64, for URLs": urlsafe_b64encode(data).decode(),
    }


def lowered(text: str) -> str:
    """The text with its percent-encoded bytes in lower case."""
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


@given(SECRETS, TEXTS, TEXTS)
@example(ODD, "", "")
@example("a" * 100, "a", "a")
def test_no_spelling_of_a_secret_is_left_in_a_text(secret, before, after):
    masker = Masker([secret])
    for written in spelled(secret).values():
        assert written not in masker.mask(before + written + after)


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_inside_of_what_is_encoded_in_base64_is_found(secret, before, after):
    masker = Masker([secret])
    data = secret.encode()
    for encode in (b64encode, urlsafe_b64encode):
        encoded = encode(before + data + after).decode()
        # What is left of the secret are at most the few bits beside what stands around it.
        shift = len(before) % 3
        core = encoded[len(before) // 3 * 4 + (0, 2, 3)[shift] :][: (len(data) * 8 - 6) // 6]
        assert core
        assert core not in masker.mask(encoded)


@given(SECRETS, TEXTS, TEXTS, st.data())
def test_a_stream_shows_what_the_whole_text_would(secret, before, after, data):
    masker = Masker([secret])
    spelling = data.draw(st.sampled_from(sorted(spelled(secret).values())))
    text = before + spelling + after
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    stream = ChunkMasker(masker)
    places = zip([0, *cuts], [*cuts, len(text)], strict=True)
    shown = "".join(stream.feed(text[start:end]) for start, end in places) + stream.flush()
    assert shown == masker.mask(text)
    assert spelling not in shown


@given(SECRETS, st.binary(max_size=20), st.binary(max_size=20), st.integers(1, 5))
def test_a_stream_of_bytes_is_masked_and_otherwise_unchanged(secret, before, after, size):
    shown = bytearray()
    stream = ByteMasker(Masker([secret]), shown.extend)
    whole = before + secret.encode() + after
    for start in range(0, len(whole), size):
        stream.feed(whole[start : start + size])
    stream.flush()
    assert secret.encode() not in shown
    other = bytearray()
    stream = ByteMasker(Masker([KEY]), other.extend)
    stream.feed(before)
    stream.feed(after)
    stream.flush()
    assert bytes(other) == before + after


@given(st.text(LETTERS, max_size=200))
def test_a_text_without_a_secret_is_unchanged(text):
    assert Masker(["sk-0123456789-not-in-there"]).mask(text) == text


def test_nothing_is_masked_before_a_secret_is_known():
    masker = Masker()
    assert masker.mask(KEY) == KEY
    assert masker.before_cut(KEY) == masker.after_cut(KEY) == KEY
    masker.learn([KEY, KEY])
    assert masker.mask(f"a {KEY} b {KEY}") == "a *** b ***"


def test_secrets_that_overlap_are_masked_as_one():
    assert Masker(["abcdef", "defghi"]).mask("xabcdefghiy") == "x***y"
    assert Masker(["abcdef", "abcdefghij"]).mask("xabcdefghijy") == "x***y"


def test_wrapped_base64_is_found():
    secret = "".join(f"{number:03}" for number in range(40))
    encoded = b64encode(b"user:" + secret.encode()).decode()
    for end in ("\n", "\r\n", "\\n"):
        wrapped = end.join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
        shown = Masker([secret]).mask(wrapped)
        assert encoded[20:70] not in shown
        assert encoded[80:120] not in shown
        assert len(shown) < 30


def test_lines_of_a_key_are_masked_each_by_itself():
    masker = Masker([PEM])
    assert masker.mask(f"found: {'Qx' * 32} and ab") == "found: *** and ab"
    assert masker.mask(PEM) == "-----BEGIN KEY-----\n***\n***\nab\n-----END KEY-----"
    assert "Qx" * 8 not in masker.mask(b64encode(PEM.encode()).decode())


def test_lines_too_short_to_be_told_apart_are_masked_as_a_whole():
    assert Masker(["abc\ndef\nghi"]).mask("> abc\ndef\nghi abc") == "> *** abc"
    assert Masker(["abc\ndef\nghi"]).mask(r'"abc\ndef\nghi"') == '"***"'


@pytest.mark.parametrize(
    ("secret", "shown", "masked"),
    [
        ('{"user": "ada", "key": "s3cr3t-key", "n": [1]}', "s3cr3t-key of ada", "*** of ada"),
        ("{no json: s3cr3t", "s3cr3t", "s3cr3t"),
        ("postgres://ada:pa55word@db/x", "pa55word for ada", "*** for ada"),
        ("postgres://ada:pw@db/x", "pw for ada", "pw for ada"),
        ("https://hooks.example/services/T00/B00/zzz", "/services/T00/B00/zzz", "***"),
        ("https://h/x?token=abcdef", "GET /x?token=abcdef", "GET /x?***"),
        ("http://[half-a-host", "http://[half-a-host", "***"),
    ],
)
def test_what_programs_show_of_a_secret_by_itself_is_masked(secret, shown, masked):
    assert Masker([secret]).mask(shown) == masked


def test_values_are_masked_down_to_their_keys_and_numbers():
    masker = Masker([KEY, "31415926"])
    value = {KEY: [KEY, 1, None, True, {"n": 31415926, "f": 1.5}], "t": (f"a{KEY}",)}
    masked = {"***": ["***", 1, None, True, {"n": "***", "f": 1.5}], "t": ["a***"]}
    assert masker.mask_value(value) == masked
    assert masker.finds(value)
    assert not masker.finds(masked)


def test_a_secret_spread_over_a_value_takes_its_text_along():
    masker = Masker(['{"a":[1,2]}'])
    assert masker.mask_value({"x": {"a": [1, 2]}}) == '{"x":***}'


def test_a_value_that_has_no_json_text_is_masked_where_it_can_be():
    deep: list[object] = [KEY]
    for _ in range(5_000):
        deep = [deep]
    masked = Masker([KEY]).mask_value(deep)
    while isinstance(masked, list):
        masked = masked[0]
    assert masked == "***"


def test_what_is_sealed_becomes_its_mask():
    masked = Masker([KEY]).mask_value({"a": Sealed("Bearer ***", f"Bearer {KEY}")})
    assert masked == {"a": "Bearer ***"}
    assert type(masked["a"]) is str


def test_nothing_of_a_secret_is_left_at_a_cut():
    masker = Masker([KEY])
    text = "x" * 500 + KEY
    for end in range(500, len(text) + 1):
        assert KEY[:2] not in masker.before_cut(text[:end])
    for start in range(len(KEY) + 1):
        assert KEY[-2:] not in masker.after_cut(KEY[start:] + "x" * 500)
    assert len(masker.before_cut("x" * 500)) > 400


def test_an_event_is_masked_in_its_payload_only():
    data = ActionCompletedData(output={"k": KEY}, duration_seconds=1.5)
    event = ActionCompleted(
        schema=1,
        sequence=1,
        timestamp="t",
        execution_id="e",
        iteration=1,
        path=(),
        action_id="a",
        action_name="a",
        data=data,
    )
    masked = Masker([KEY]).event(event)
    assert isinstance(masked, ActionCompleted)
    assert masked.data.output == {"k": "***"}
    assert masked.data.duration_seconds == 1.5
    assert Masker(["else-where"]).event(event) == event
