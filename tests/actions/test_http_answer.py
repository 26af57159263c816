import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from cortex_cli.actions.hosts import Hosts
from cortex_cli.actions.http_answer import CUT_MARK, LARGEST_BODY, read_output
from cortex_cli.actions.network import HttpClient
from cortex_cli.engine.masking import Masker
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.testing import RecordingReporter, make_call
from tests.actions.http_server import Answer, Server, serve


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


async def output_of(
    server: Server,
    answer: Answer,
    report: RecordingReporter | None = None,
    call: ActionCall | None = None,
) -> Any:
    server.answers["/"] = answer
    client = HttpClient(Hosts([server.host]))
    try:
        async with client.exchange("GET", f"{server.url}/?token=hidden") as response:
            return await read_output(response, call or make_call(report=report))
    finally:
        await client.aclose()


def typed(body: bytes, content_type: str, status: int = 200) -> Answer:
    return Answer(body, status, {"Content-Type": content_type})


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (typed(b'{"a": [1, null]}', "application/json"), {"a": [1, None]}),
        (typed(b'{"a": 1}', "text/plain"), {"a": 1}),
        (Answer(b" 42 "), 42),
        (typed(b"{not json", "application/json"), "{not json"),
        (typed(b"NaN", "application/json"), "NaN"),
        (typed(b'"\\ud800"', "application/json"), '"\\ud800"'),
        (typed(b"[" * 100_000, "application/json"), "[" * 100_000),
        (typed(b"<p>page</p>\n", "text/html"), "<p>page</p>\n"),
        (Answer(b"", 204), ""),
        (typed("ü".encode("latin-1"), "text/plain; charset=iso-8859-1"), "ü"),
        (typed("日本".encode("shift_jis"), "text/plain; charset=Shift_JIS"), "日本"),
        (typed("ü".encode(), "text/plain"), "ü"),
        (typed(b"\xff\xfe", "text/plain"), "\ufffd\ufffd"),
        (typed(b"\\ud800", "text/plain; charset=unicode_escape"), "\\ud800"),
        (typed(b"x", "text/plain; charset=nonsense"), "x"),
        (typed(b"YQ==", "text/plain; charset=base64"), "YQ=="),
    ],
)
async def test_a_body_is_json_if_it_is_else_text(
    server: Server, answer: Answer, output: Any
) -> None:
    assert await output_of(server, answer) == output


async def test_a_long_body_is_cut_with_a_mark_and_a_warning(server: Server) -> None:
    report = RecordingReporter()
    output = await output_of(server, Answer(b"x" * (LARGEST_BODY + 1)), report)
    assert output == "x" * LARGEST_BODY + CUT_MARK
    assert report.warnings == ["its answer was cut after 16 MiB"]
    report = RecordingReporter()
    assert len(await output_of(server, Answer(b"x" * LARGEST_BODY), report)) == LARGEST_BODY
    assert report.warnings == []


async def test_a_small_body_that_unpacks_to_a_huge_one_is_cut(server: Server) -> None:
    packed = gzip.compress(b"\x00" * (4 * LARGEST_BODY))
    output = await output_of(server, Answer(packed, headers={"Content-Encoding": "gzip"}))
    assert len(output) == LARGEST_BODY + len(CUT_MARK)


async def test_a_body_that_does_not_unpack_is_an_error(server: Server) -> None:
    with pytest.raises(ActionError, match="failed") as caught:
        await output_of(server, Answer(b"x" * 50, headers={"Content-Encoding": "gzip"}))
    assert caught.value.error_type == "connection"


@pytest.mark.parametrize("status", [400, 401, 404, 408, 425, 429, 500, 503, 599])
async def test_a_bad_status_is_an_error(server: Server, status: int) -> None:
    with pytest.raises(ActionError) as caught:
        await output_of(server, Answer(b"\n  first line \nsecond line", status))
    assert caught.value.error_type == "http_status"
    assert caught.value.retryable is (status not in {400, 401, 404})
    assert f"GET {server.url}/ answered {status}" in str(caught.value)
    assert str(caught.value).endswith(": first line")
    assert "hidden" not in str(caught.value)


async def test_an_error_without_a_body_names_its_status(server: Server) -> None:
    with pytest.raises(ActionError, match=r"answered 404 Not Found$"):
        await output_of(server, Answer(b"", 404))


async def test_no_cut_goes_through_a_secret(server: Server) -> None:
    secret = "sk-Ab12_Cd34"
    call = replace(make_call(), masker=Masker([secret]))
    for size, status in ((296, 500), (16 * 1024 - 4, 500), (LARGEST_BODY - 4, 200)):
        body = b"x" * size + secret.encode() + b"y" * 100
        try:
            said = await output_of(server, Answer(body, status), call=call)
        except ActionError as error:
            said = str(error)
        assert "sk-" not in said
        assert "xx" in said


async def test_the_reason_of_an_error_is_short(server: Server) -> None:
    with pytest.raises(ActionError) as caught:
        await output_of(server, Answer(b"x" * 1_000_000, 500))
    assert len(str(caught.value)) < 500
