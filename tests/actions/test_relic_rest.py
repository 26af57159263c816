import os
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from cortex_cli.actions import relic_health
from cortex_cli.actions.deployment import deployed_service, with_port
from cortex_cli.actions.relic_kv import EmbeddedRelic
from cortex_cli.actions.relic_request import resolve_base_url
from cortex_cli.actions.relic_rest import RestRelic
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.testing import FakeClock, RecordingReporter, make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)
from tests.actions.http_server import Answer, Received, Server, json_answer, redirect, serve

ENDPOINTS: list[dict[str, Any]] = [
    {
        "name": "set_value",
        "method": "POST",
        "path": "/set",
        "parameters": {"key": "string", "value": "object", "ttl": {"required": False}},
    },
    {
        "name": "get_value",
        "method": "GET",
        "path": "/get/{key}",
        "parameters": {
            "key": "string",
            "version": {"type": "integer", "required": False},
            "tags": {"type": "array", "required": False},
        },
    },
    {"name": "delete_value", "method": "DELETE", "path": "/get/{key}"},
    {"name": "search", "method": "POST", "path": "find", "parameters": {"limit": {"default": "5"}}},
]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        running.respond = echo
        running.answers["/health"] = json_answer({"status": "ok"})
        yield running


def echo(request: Received) -> Answer:
    body = msgspec.json.decode(request.body) if request.body else None
    return json_answer({"asked": f"{request.method} {request.path}", "body": body})


def manifest(**fields: Any) -> RelicManifest:
    interface = {"type": "rest_api", "base_url": "http://unused", "endpoints": ENDPOINTS}
    return RelicManifest.model_validate(
        {"kind": "Relic", "name": "results", "interface": interface, **fields}
    )


@asynccontextmanager
async def relic(
    base_url: str, state: Path | None = None, **fields: Any
) -> AsyncGenerator[RestRelic]:
    embedded = None
    if state is not None:
        embedded = EmbeddedRelic(
            "results", state_folder=state, identity="results", clock=FakeClock()
        )
    handler = RestRelic(manifest(**fields), base_url=base_url, embedded=embedded)
    try:
        yield handler
    finally:
        await handler.aclose()
        await handler.aclose()


async def perform(
    handler: RestRelic,
    operation: str | None,
    parameters: dict[str, Any],
    report: RecordingReporter | None = None,
) -> Any:
    return await handler.run(make_call(parameters, operation=operation, report=report))


@pytest.mark.parametrize(
    ("operation", "parameters", "asked", "body"),
    [
        ("set_value", {"key": "k", "value": {}}, "POST /set", {"key": "k", "value": {}}),
        (None, {"key": "k", "value": {}}, "POST /set", {"key": "k", "value": {}}),
        ("get_value", {"key": "a/b?c#d é"}, "GET /get/a%2Fb%3Fc%23d%20%C3%A9", None),
        ("get_value", {"key": "k", "version": 2}, "GET /get/k?version=2", None),
        ("get_value", {"key": "k", "version": None}, "GET /get/k", None),
        ("get_value", {"key": "k", "tags": ["a&b", 1]}, "GET /get/k?tags=a%26b&tags=1", None),
        (None, {"key": "k", "version": 2}, "GET /get/k?version=2", None),
        ("delete_value", {"key": 7, "force": True}, "DELETE /get/7?force=true", None),
        (None, {"action": "delete_value", "key": "k"}, "DELETE /get/k", None),
        (None, {"operation": "search"}, "POST /find", {"limit": "5"}),
        (None, {}, "POST /find", {"limit": "5"}),
    ],
)
async def test_an_operation_is_a_request(
    server: Server, operation: str | None, parameters: dict[str, Any], asked: str, body: Any
) -> None:
    async with relic(server.url) as handler:
        output = await perform(handler, operation, parameters)
    assert output == {"asked": asked, "body": body}


async def test_a_base_url_may_have_a_path(server: Server) -> None:
    async with relic(f"{server.url}/api/v1/") as handler:
        assert (await perform(handler, "search", {}))["asked"] == "POST /api/v1/find"


@pytest.mark.parametrize(
    ("operation", "parameters", "message", "word"),
    [
        ("set_value", {"key": 3, "value": {}}, "must be a string, not an integer", "parameters"),
        ("set_value", {"key": "k"}, "needs the parameter 'value'", "parameters"),
        ("set_value", {"key": "k", "value": {}, "x": 1}, "has no parameter 'x'", "parameters"),
        ("get_value", {"key": ""}, "no value for 'key' in its path", "parameters"),
        ("delete_value", {"key": None}, "no value for 'key' in its path", "parameters"),
        ("delete_value", {"key": "\ud800"}, "lone surrogate", "parameters"),
        ("get_value", {"key": ".."}, "'.' or '..'", "url"),
        ("get_val", {"key": "k"}, "has no operation 'get_val'; did you mean", "operation"),
        (None, {"action": "jump", "key": "k"}, "has no operation 'jump'", "operation"),
        (None, {"key": "k"}, "both fit key", "operation"),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_sent(
    server: Server, operation: str | None, parameters: dict[str, Any], message: str, word: str
) -> None:
    async with relic(server.url) as handler:
        with pytest.raises(ActionError, match=message) as caught:
            await perform(handler, operation, parameters)
    assert caught.value.error_type == word
    assert not caught.value.retryable
    assert server.requests == []


async def test_no_success_in_an_answer_is_data(server: Server) -> None:
    server.answers["/find"] = json_answer({"success": False, "error": "nothing"})
    async with relic(server.url) as handler:
        output = await perform(handler, "search", {})
    assert output == {"success": False, "error": "nothing"}


async def test_a_bad_status_is_a_failure(server: Server) -> None:
    server.answers["/get/k"] = json_answer({"detail": "Key not found"}, 404)
    async with relic(server.url) as handler:
        with pytest.raises(ActionError, match=r"answered 404 Not Found: .*Key not found"):
            await perform(handler, "get_value", {"key": "k"})


async def test_only_the_host_of_the_base_url_is_called(server: Server) -> None:
    server.answers["/find"] = redirect(f"http://localhost:{server.port}/find", 307)
    async with relic(server.url) as handler:
        with pytest.raises(
            ActionError, match=r"is not declared.* that of its 'base_url'"
        ) as caught:
            await perform(handler, "search", {})
    assert caught.value.error_type == "host_refused"


@pytest.mark.parametrize("base_url", ["ftp://a", "http://u:p@a", "http://a b"])
async def test_a_base_url_that_can_not_be_called_is_refused(base_url: str) -> None:
    async with relic(base_url) as handler:
        with pytest.raises(ActionError, match="base_url of relic 'results' can't be called"):
            await perform(handler, "search", {})


async def test_a_relic_without_a_base_url_fails() -> None:
    async with relic("") as handler:
        with pytest.raises(ActionError, match="it has no base_url"):
            await perform(handler, "search", {})


async def test_the_health_check_passes_once_before_the_first_use(server: Server) -> None:
    async with relic(server.url, health_check={"endpoint": "/health"}) as handler:
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(perform, handler, "get_value", {"key": str(number)})
        await perform(handler, "search", {})
    assert server.paths[0] == "/health"
    assert server.paths.count("/health") == 1
    assert len(server.paths) == 5


async def test_a_relic_that_is_not_well_is_not_used(server: Server) -> None:
    server.answers["/health"] = Answer(b"", 503)
    async with relic(server.url, health_check={"endpoint": "health"}) as handler:
        with pytest.raises(ActionError, match="health check answered 503, not 200") as caught:
            await perform(handler, "search", {})
        assert caught.value.error_type == "unhealthy"
        assert caught.value.retryable
        server.answers["/health"] = Answer(b"", 200)
        await perform(handler, "search", {})
    assert server.paths == ["/health", "/health", "/find"]


async def test_a_health_check_may_name_an_endpoint_a_method_and_a_status(server: Server) -> None:
    server.answers["/find"] = Answer(b"", 418)
    check = {"endpoint": "search", "method": "HEAD", "expected_status": 418}
    async with relic(server.url, health_check=check) as handler:
        await perform(handler, "get_value", {"key": "k"})
    assert [request.method for request in server.requests] == ["HEAD", "GET"]


async def test_without_a_service_the_embedded_store_is_used_and_says_so(tmp_path: Path) -> None:
    report = RecordingReporter()
    async with relic("http://127.0.0.1:1", tmp_path, fallback="embedded") as handler:
        await perform(handler, "set_value", {"key": "k", "value": {"a": 1}}, report)
        output = await perform(handler, "get_value", {"key": "k"}, report)
    assert output == {"success": True, "key": "k", "value": {"a": 1}}
    [warning] = report.warnings
    assert "relic 'results': no connection to '127.0.0.1', port 1" in warning
    assert warning.endswith("its built-in store is used instead")


@pytest.mark.parametrize("base_url", ["", "http://127.0.0.1:1"])
async def test_actions_that_find_no_service_at_once_warn_once(
    tmp_path: Path, base_url: str
) -> None:
    report = RecordingReporter()
    check = {"endpoint": "/health"}
    async with relic(base_url, tmp_path, health_check=check) as handler:
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                parameters = {"key": str(number), "value": {}}
                tasks.start_soon(perform, handler, "set_value", parameters, report)
        assert (await perform(handler, "list_keys", {}))["keys"] == ["0", "1", "2", "3"]
    assert len(report.warnings) == 1


async def test_requests_that_find_no_service_at_once_warn_once(tmp_path: Path) -> None:
    report = RecordingReporter()
    nowhere = relic("http://127.0.0.1:1", tmp_path)
    async with nowhere as handler, anyio.create_task_group() as tasks:
        for number in range(4):
            parameters = {"key": str(number), "value": {}}
            tasks.start_soon(perform, handler, "set_value", parameters, report)
    assert len(report.warnings) == 1


async def test_without_a_fallback_a_missing_service_is_a_failure() -> None:
    async with relic("http://127.0.0.1:1") as handler:
        with pytest.raises(ActionError, match="no connection to") as caught:
            await perform(handler, "search", {})
    assert caught.value.error_type == "connection"
    assert caught.value.retryable


async def test_a_service_that_has_answered_is_never_left_for_the_store(tmp_path: Path) -> None:
    with serve() as server:
        server.respond = echo
        server.answers["/get/last"] = Answer(headers={"Connection": "close"})
        async with relic(server.url, tmp_path) as handler:
            await perform(handler, "get_value", {"key": "last"})
            server.stop()
            with pytest.raises(ActionError, match="no connection to"):
                await perform(handler, "get_value", {"key": "k"})


async def test_a_service_that_hangs_at_its_health_check_does_not_answer(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relic_health, "HEALTH_SECONDS", 0.1)
    server.answers["/health"] = Answer(hangs=True)
    report = RecordingReporter()
    async with relic(server.url, tmp_path, health_check={"endpoint": "/health"}) as handler:
        await perform(handler, "set_value", {"key": "k", "value": {}}, report)
    assert "no answer to its health check within 0.1 s" in report.warnings[0]


def test_other_relics_are_no_services() -> None:
    embedded = manifest(interface={"type": "embedded", "engine": "sqlite_kv"})
    with pytest.raises(TypeError, match="is of type 'embedded'"):
        RestRelic(embedded, base_url="http://a")


@pytest.mark.parametrize(
    ("base_url", "resolved"),
    [
        ("http://h:1", "http://h:1"),
        ("${KV_URL:-http://localhost:8004}", "http://localhost:8004"),
        ("${SET:-http://localhost:8004}", "http://ambient"),
        ("$BOTH", "http://declared"),
        ("${env.BOTH}/api", "http://declared/api"),
        ("http://${HOST}:$PORT", "http://h:80"),
    ],
)
def test_a_base_url_takes_declared_variables_then_the_environment(
    base_url: str, resolved: str
) -> None:
    variables = {"BOTH": "http://declared", "HOST": "h"}
    ambient = {"BOTH": "http://ambient", "SET": "http://ambient", "PORT": "80"}
    assert resolve_base_url(base_url, variables=variables, ambient=ambient) == resolved


@pytest.mark.parametrize("base_url", ["$KV_URL", "http://${KV_URL}:80", "$EMPTY"])
def test_a_base_url_without_a_value_names_the_variable(base_url: str) -> None:
    with pytest.raises(SetupError, match="has no value; set the environment variable") as caught:
        resolve_base_url(base_url, variables={}, ambient={"EMPTY": ""})
    assert caught.value.exit_code == 3


async def test_a_connection_is_used_again(server: Server) -> None:
    async with relic(server.url, health_check={"endpoint": "/health"}) as handler:
        for number in range(10):
            await perform(handler, "get_value", {"key": str(number)})
        await perform(handler, "set_value", {"key": "k", "value": {}})
    assert len(server.requests) == 12
    assert server.connections == 1


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_passing_failure_is_asked_about_again(server: Server, status: int) -> None:
    server.respond = lambda _: Answer(b"soon", status if len(server.requests) < 3 else 200)
    async with relic(server.url) as handler:
        assert await perform(handler, "get_value", {"key": "k"}) == "soon"
    assert server.paths == ["/get/k"] * 3


async def test_a_failure_that_lasts_is_told_after_three_tries(server: Server) -> None:
    server.answers["/get/k"] = Answer(b"overloaded", 503)
    async with relic(server.url) as handler:
        with pytest.raises(ActionError, match=r"answered 503 .*: overloaded") as caught:
            await perform(handler, "delete_value", {"key": "k"})
    assert caught.value.error_type == "http_status"
    assert server.paths == ["/get/k"] * 3


@pytest.mark.parametrize(
    ("operation", "status"), [("set_value", 503), ("get_value", 500), ("get_value", 429)]
)
async def test_what_may_have_been_done_is_not_done_again(
    server: Server, operation: str, status: int
) -> None:
    server.respond = lambda _: Answer(b"", status)
    parameters = {"key": "k", "value": {}} if operation == "set_value" else {"key": "k"}
    async with relic(server.url) as handler:
        with pytest.raises(ActionError, match=f"answered {status}"):
            await perform(handler, operation, parameters)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("operation", "parameters", "tries"),
    [("get_value", {"key": "k"}, 3), ("set_value", {"key": "k", "value": {}}, 1)],
)
async def test_an_answer_that_is_lost_is_asked_for_again_if_that_does_no_harm(
    server: Server, operation: str, parameters: dict[str, Any], tries: int
) -> None:
    server.respond = lambda _: Answer(b"never sent", headers={"Content-Length": "oops"})
    async with relic(server.url) as handler:
        with pytest.raises(ActionError, match=" failed: ") as caught:
            await perform(handler, operation, parameters)
    assert caught.value.error_type == "connection"
    assert len(server.requests) == tries


SERVICE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/get/die":
            print("out of ink", flush=True)
            os._exit(3)
        body = json.dumps(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The logs of services that fail stay with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@asynccontextmanager
async def deployed(
    folder: Path, state: Path | None = None, *, base_url: str | None = None, **fields: Any
) -> AsyncGenerator[RestRelic]:
    (folder / "service.py").write_text(SERVICE)
    deployment = {"type": "process", "command": "python3 service.py"}
    interface = {"type": "rest_api", "base_url": "http://127.0.0.1:$PORT", "endpoints": ENDPOINTS}
    made = manifest(**{"interface": interface, "deployment": deployment, **fields})
    variables = with_port(made, {})
    place = base_url or f"http://127.0.0.1:{variables['PORT']}"
    service = deployed_service(made, folder, base_url=place, variables=variables, ambient={})
    embedded = None
    if state is not None:
        embedded = EmbeddedRelic("kv", state_folder=state, identity="kv", clock=FakeClock())
    handler = RestRelic(made, base_url=place, service=service, embedded=embedded)
    try:
        yield handler
    finally:
        await handler.aclose()
        await handler.aclose()


@pytest.mark.parametrize("check", [None, {"endpoint": "/health"}])
async def test_a_service_is_started_once_for_all(tmp_path: Path, check: Any) -> None:
    pids: set[int] = set()
    async with deployed(tmp_path, health_check=check) as handler:

        async def ask(key: str) -> None:
            pids.add(await perform(handler, "get_value", {"key": key}))

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(ask, str(number))
    [pid] = pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_service_that_crashes_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    async with deployed(tmp_path, tmp_path / "state") as handler:
        await perform(handler, "get_value", {"key": "k"})
        for key in ("die", "k"):
            with pytest.raises(ActionError, match="has ended, with exit code 3: out of ink") as e:
                await perform(handler, "get_value", {"key": key})
            assert (e.value.error_type, e.value.retryable) == ("service", False)


async def test_a_service_that_does_not_come_up_leaves_the_embedded_store(tmp_path: Path) -> None:
    report = RecordingReporter()
    deployment = {"type": "process", "command": "python3 -c 'raise SystemExit(4)'"}
    async with deployed(tmp_path, tmp_path / "state", deployment=deployment) as handler:
        await handler.prepare(make_call(report=report))
        output = await perform(handler, "list_keys", {}, report)
    assert output["keys"] == []
    [warning] = report.warnings
    assert "ended before it answered, with exit code 4" in warning


async def test_a_service_that_is_there_already_is_used_and_not_ended(
    server: Server, tmp_path: Path
) -> None:
    report = RecordingReporter()
    check = {"endpoint": "/health"}
    async with deployed(tmp_path, base_url=server.url, health_check=check) as handler:
        await perform(handler, "get_value", {"key": "k"}, report)
        await perform(handler, "get_value", {"key": "k"}, report)
    assert server.paths == ["/health", "/get/k", "/get/k"]
    [warning] = report.warnings
    assert "answers at" in warning
    assert "used, and not ended" in warning


async def test_what_is_in_the_place_of_a_service_is_not_taken_for_it(
    server: Server, tmp_path: Path
) -> None:
    async with deployed(tmp_path, base_url=server.url) as handler:
        with pytest.raises(ActionError, match="something listens at") as caught:
            await perform(handler, "get_value", {"key": "k"})
    assert caught.value.error_type == "port_in_use"
    assert server.requests == []


async def test_a_health_check_that_is_refused_is_no_service_that_is_late(
    server: Server, tmp_path: Path
) -> None:
    server.answers["/health"] = redirect("http://169.254.169.254/")
    check = {"endpoint": "/health"}
    async with deployed(tmp_path, base_url=server.url, health_check=check) as handler:
        with pytest.raises(ActionError, match="is not declared") as caught:
            await perform(handler, "get_value", {"key": "k"})
    assert caught.value.error_type == "host_refused"


async def test_it_keeps_the_contract_of_handlers(server: Server) -> None:
    server.answers["/get/bad"] = Answer(b"no\nno", 500)
    server.answers["/get/hang"] = Answer(hangs=True)
    async with relic(server.url, health_check={"endpoint": "/health"}) as handler:

        def call(key: str) -> Any:
            return make_call({"key": key}, operation="get_value")

        await check_output_is_json(handler, call("x"))
        await check_failure_is_an_action_error(handler, call("bad"))
        await check_attempts_do_not_mix(handler, [call(str(number)) for number in range(5)])
        await check_cancellation_is_prompt(
            handler,
            call("hang"),
            when_running=lambda: "/get/hang" in server.paths,
            leaves_nothing=lambda: True,
        )
        await check_output_is_json(handler, call("x"))
