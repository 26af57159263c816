import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from cortex_cli.actions.http_check import check_http
from cortex_cli.actions.http_tool import HttpTool
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.testing import make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)
from tests.actions.http_server import Answer, Received, Server, json_answer, redirect, serve


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        running.respond = echo
        yield running


def echo(request: Received) -> Answer:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return json_answer(
        {
            "method": request.method,
            "path": request.path,
            "headers": headers,
            "body": request.body.decode(),
        }
    )


def manifest(url: str, /, **fields: Any) -> ToolManifest:
    known = {"parameters", "environment", "secrets"}
    return ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "call",
            "implementation": {
                "type": "http",
                "url": url,
                **{name: value for name, value in fields.items() if name not in known},
            },
            **{name: value for name, value in fields.items() if name in known},
        }
    )


@asynccontextmanager
async def tool(
    url: str,
    /,
    *,
    variables: dict[str, str] | None = None,
    secrets: dict[str, str] | None = None,
    **fields: Any,
) -> AsyncGenerator[HttpTool]:
    fields.setdefault("environment", {"variables": variables or {}})
    fields.setdefault("secrets", {name: {"env": name} for name in secrets or {}})
    handler = HttpTool(manifest(url, **fields), environment=variables or {}, secrets=secrets)
    try:
        yield handler
    finally:
        await handler.aclose()
        await handler.aclose()


async def sent(url: str, parameters: dict[str, Any], /, **fields: Any) -> Any:
    async with tool(url, **fields) as handler:
        return await handler.run(make_call(parameters))


async def test_references_are_filled_in_everywhere(server: Server) -> None:
    request = await sent(
        f"{server.url}/items/$id?lang=${{inputs.lang}}",
        {"id": "a/b", "lang": "de&x=y", "note": {"n": 1}, "tags": ["x y", 2]},
        method="POST",
        headers={"X-Note": "note: $note", "Authorization": "Bearer ${secrets.TOKEN}"},
        query={"tag": "$tags", "region": "${env.REGION}", "none": "$missing", "on": True},
        body={"note": "$note", "text": "about $id in $REGION", "literal": 1},
        variables={"REGION": "eu"},
        secrets={"TOKEN": "s3cr3t"},
    )
    assert request["method"] == "POST"
    assert request["path"] == ("/items/a%2Fb?lang=de%26x%3Dy&tag=x%20y&tag=2&region=eu&on=true")
    assert request["headers"]["x-note"] == 'note: {"n":1}'
    assert request["headers"]["authorization"] == "Bearer s3cr3t"
    assert request["headers"]["content-type"] == "application/json"
    assert msgspec.json.decode(request["body"]) == {
        "note": {"n": 1},
        "text": "about a/b in eu",
        "literal": 1,
    }


async def test_what_a_reference_brings_in_is_never_expanded_again(server: Server) -> None:
    evil = "${secrets.TOKEN} $(id) `id` {{7*7}}"
    request = await sent(
        f"{server.url}/",
        {"text": evil},
        method="POST",
        headers={"X-Text": "$text"},
        body="$text",
        secrets={"TOKEN": "s3cr3t"},
    )
    assert request["headers"]["x-text"] == evil
    assert request["body"] == evil


async def test_a_body_of_text_is_sent_as_it_is(server: Server) -> None:
    request = await sent(f"{server.url}/", {"t": "ü"}, method="PUT", body="<x>$t</x>")
    assert request["body"] == "<x>ü</x>"
    assert request["headers"]["content-type"] == "text/plain; charset=utf-8"


async def test_a_content_type_of_ones_own_is_kept(server: Server) -> None:
    request = await sent(
        f"{server.url}/", {}, method="POST", headers={"Content-Type": "text/xml"}, body="<x/>"
    )
    assert request["headers"]["content-type"] == "text/xml"


async def test_a_body_may_be_one_reference_of_any_type(server: Server) -> None:
    for value, body in (([1], "[1]"), ("text", "text"), (3, "3"), (None, "")):
        request = await sent(f"{server.url}/", {"v": value}, method="POST", body="$v")
        assert request["body"] == body


async def test_a_header_that_is_null_is_left_out(server: Server) -> None:
    request = await sent(f"{server.url}/", {}, headers={"X-Maybe": "$maybe", "X-N": "5"})
    assert "x-maybe" not in request["headers"]
    assert request["headers"]["x-n"] == "5"


async def test_a_header_may_hold_any_text_but_control_characters(server: Server) -> None:
    request = await sent(f"{server.url}/", {"v": " tab\tand ü "}, headers={"X-V": "$v"})
    assert request["headers"]["x-v"].encode("latin-1").decode() == "tab\tand ü"


@pytest.mark.parametrize("value", ["a\r\nX-Injected: yes", "a\nb", "a\rb", "a\x00b", "\x1b[2J"])
async def test_a_header_with_a_line_break_is_refused(server: Server, value: str) -> None:
    with pytest.raises(ActionError, match="line break or control character") as caught:
        await sent(f"{server.url}/", {"v": value}, headers={"X-V": "$v"})
    assert caught.value.error_type == "parameters"
    assert server.requests == []


@pytest.mark.parametrize("part", ["url", "query", "headers", "body"])
async def test_half_a_character_is_refused_wherever_it_stands(server: Server, part: str) -> None:
    fields: dict[str, Any] = {"query": {"q": "$v"}, "headers": {"X-V": "$v"}, "body": "$v"}
    url = f"{server.url}/$v" if part == "url" else f"{server.url}/"
    chosen = {part: fields[part]} if part in fields else {}
    with pytest.raises(ActionError, match="lone surrogate") as caught:
        await sent(url, {"v": "\ud800"}, **chosen)
    assert not caught.value.retryable


async def test_parameters_are_checked_and_have_their_defaults(server: Server) -> None:
    declared = [
        {"name": "id", "type": "integer", "required": True},
        {"name": "lang", "default": "en"},
    ]
    url = f"{server.url}/$id/$lang"
    request = await sent(url, {"id": 3}, parameters=declared)
    assert request["path"] == "/3/en"
    with pytest.raises(ActionError, match="must be an integer"):
        await sent(url, {"id": "3"}, parameters=declared)


async def test_the_operation_of_an_action_is_a_parameter(server: Server) -> None:
    async with tool(f"{server.url}/$operation") as handler:
        request = await handler.run(make_call({}, operation="list"))
    assert request["path"] == "/list"


async def test_the_host_may_be_a_reference_if_it_is_declared(server: Server) -> None:
    for url, parameters in (
        ("${base}/x", {"base": server.url}),
        ("$base", {"base": f"{server.url}/x"}),
        ("http://$host/x", {"host": server.host}),
        ("${BASE}/x", {}),
    ):
        request = await sent(
            url, parameters, allow_hosts=[server.host], variables={"BASE": server.url}
        )
        assert request["path"] == "/x"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:{port}/",
        "http://api.example@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@api.example/",
        "http://api.example:80@127.0.0.1:{port}/",
    ],
)
async def test_a_url_from_outside_reaches_only_declared_hosts(server: Server, url: str) -> None:
    with pytest.raises(ActionError) as caught:
        await sent("$url", {"url": url.format(port=server.port)}, allow_hosts=["api.example"])
    assert caught.value.error_type == "host_refused"
    assert not caught.value.retryable
    assert server.requests == []


async def test_a_redirect_to_another_host_is_refused(server: Server) -> None:
    server.answers["/away"] = redirect(f"http://localhost:{server.port}/")
    with pytest.raises(ActionError, match=r"'localhost', port .* is not declared"):
        await sent(f"{server.url}/away", {})
    assert server.paths == ["/away"]


async def test_without_allow_hosts_only_the_literal_host_and_port_are_declared(
    server: Server,
) -> None:
    server.answers["/away"] = redirect(f"http://127.0.0.1:{server.port + 1}/")
    assert (await sent(f"{server.url}/", {}))["path"] == "/"
    with pytest.raises(ActionError, match="is not declared"):
        await sent(f"{server.url}/away", {})


async def test_allow_hosts_counts_even_for_a_literal_url(server: Server) -> None:
    with pytest.raises(ActionError, match="is not declared"):
        await sent(f"{server.url}/", {}, allow_hosts=["example.org"])


@pytest.mark.parametrize(
    ("url", "fields", "code", "message"),
    [
        ("http://a/$idd", {}, "unknown_reference", "nothing provides 'idd' .* did you mean 'id'"),
        ("http://a/${inputs.idd}", {}, "unknown_reference", "no 'inputs.idd'; did you mean 'id'"),
        ("http://a/${env.X}", {}, "unknown_reference", "no 'env.X'"),
        ("http://a/${secrets.X}", {}, "unknown_reference", "no 'secrets.X'"),
        ("http://a/${id", {}, "reference_syntax", "is no reference"),
        ("http://a/", {"body": {"x": ["$(id"]}}, "reference_syntax", "is no reference"),
        ("$id", {}, "allow_hosts", "does not say which host"),
        ("http://a/", {"allow_hosts": ["http://a"]}, "allow_hosts", "declares no host"),
        ("http://a/", {"headers": {"Host": "b"}}, "header", "can't be set"),
        ("http://a/", {"headers": {"X Y": "b"}}, "header", "is no name of a header"),
    ],
)
async def test_a_request_that_can_not_be_made_is_found_before_it_is(
    url: str, fields: dict[str, Any], code: str, message: str
) -> None:
    declared = manifest(url, parameters=[{"name": "id"}], **fields)
    [finding] = check_http(declared)
    assert finding.code == code
    assert re.search(message, f"{finding.message}; {finding.hint}")
    assert finding.path[0] == "implementation"
    with pytest.raises(ActionError) as caught:
        await HttpTool(declared, environment={}).run(make_call({"id": "x"}))
    assert caught.value.error_type == "http"
    assert not caught.value.retryable


def test_names_are_not_checked_where_any_parameter_may_be_given() -> None:
    assert check_http(manifest("http://a/$v/${inputs.w}")) == []
    from_a_file = manifest("http://a/$v/${env.W}", parameters=[], environment={"env_file": ".env"})
    assert check_http(from_a_file) == []
    declared = manifest(
        "http://a/$id/$REGION/${env.REGION}/${inputs.id}/${secrets.TOKEN}",
        parameters=[{"name": "id"}],
        environment={"variables": {"REGION": "eu"}},
        secrets={"TOKEN": {"env": "TOKEN"}},
        body="$inputs",
    )
    assert check_http(declared) == []


def test_other_tools_have_no_request_to_check() -> None:
    other = ToolManifest.model_validate(
        {"kind": "Tool", "name": "t", "implementation": {"type": "command", "command": ["true"]}}
    )
    assert check_http(other) == []
    with pytest.raises(TypeError, match="is of type 'command'"):
        HttpTool(other, environment={})


async def test_it_keeps_the_contract_of_handlers(server: Server) -> None:
    server.answers["/bad"] = Answer(b"<html>\nno", 500)
    server.answers["/hang"] = Answer(hangs=True)
    async with tool(f"{server.url}/$place") as handler:
        await check_output_is_json(handler, make_call({"place": "x"}))
        await check_failure_is_an_action_error(handler, make_call({"place": "bad"}))
        calls = [make_call({"place": str(number)}) for number in range(5)]
        await check_attempts_do_not_mix(handler, calls)
        await check_cancellation_is_prompt(
            handler,
            make_call({"place": "hang"}),
            when_running=lambda: "/hang" in server.paths,
            leaves_nothing=lambda: True,
        )
        await check_output_is_json(handler, make_call({"place": "x"}))


async def test_what_may_change_something_carries_an_idempotency_key(server: Server) -> None:
    for method, key in (("POST", "run-1:act:1"), ("DELETE", "run-1:act:1"), ("GET", None)):
        answer = await sent(server.url, {}, method=method)
        assert answer["headers"].get("idempotency-key") == key
    own = {"Idempotency-Key": "mine"}
    answer = await sent(server.url, {}, method="PUT", headers=own)
    assert answer["headers"]["idempotency-key"] == "mine"
