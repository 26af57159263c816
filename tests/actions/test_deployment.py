"""What is started for a relic, with which arguments, on which port."""

import sys
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions.deployment import deployed_service, with_port
from cortex_cli.actions.service import Deployment
from cortex_cli.errors import SetupError
from cortex_cli.manifest.relic_models import RelicManifest


def manifest(base_url: str = "http://127.0.0.1:${PORT}", **fields: Any) -> RelicManifest:
    interface = {
        "type": "rest_api",
        "base_url": base_url,
        "endpoints": [{"name": "get", "path": "/get"}],
    }
    return RelicManifest.model_validate(
        {
            "kind": "Relic",
            "name": "kv",
            "interface": interface,
            "deployment": {"type": "process", "command": "serve --port ${PORT} '${DIR:-a b}'"},
            **fields,
        }
    )


def deployment(
    relic: RelicManifest,
    base_url: str = "http://127.0.0.1:8004",
    variables: dict[str, str] | None = None,
    ambient: dict[str, str] | None = None,
) -> Deployment | None:
    service = deployed_service(
        relic,
        Path("/here"),
        base_url=base_url,
        variables=variables or {},
        ambient=ambient or {},
    )
    return None if service is None else service._deployment


def test_a_port_is_chosen_where_the_base_url_needs_one() -> None:
    assert int(with_port(manifest(), {})["PORT"]) > 1024
    assert int(with_port(manifest("http://[::1]:${env.PORT}"), {})["PORT"]) > 1024


@pytest.mark.parametrize(
    ("relic", "variables"),
    [
        (manifest(), {"PORT": "1"}),
        (manifest("http://127.0.0.1:${PORT:-8004}"), {}),
        (manifest("http://127.0.0.1:8004"), {}),
        (manifest(deployment={"type": "external"}), {}),
        (manifest(deployment=None), {}),
        (manifest(interface={"type": "embedded", "engine": "sqlite_kv"}), {}),
    ],
)
def test_no_port_is_chosen_elsewhere(relic: RelicManifest, variables: dict[str, str]) -> None:
    assert with_port(relic, variables) == variables


def test_the_service_gets_its_port_and_its_arguments() -> None:
    found = deployment(manifest())
    assert found is not None
    assert found.argv == ["serve", "--port", "8004", "a b"]
    assert found.environment == {"PORT": "8004"}
    assert (found.folder, found.start_seconds) == (Path("/here"), 30.0)


def test_declared_variables_go_before_all() -> None:
    found = deployment(
        manifest(), variables={"PORT": "1", "DIR": "d"}, ambient={"PORT": "2", "DIR": "x"}
    )
    assert found is not None
    assert found.argv == ["serve", "--port", "1", "d"]
    assert found.environment["PORT"] == "1"


def test_python_is_cortex_s_own_where_there_is_no_other() -> None:
    relic = manifest(deployment={"type": "process", "command": ["python", "x.py"]})
    found = deployment(relic, variables={"PATH": "/nowhere"})
    assert found is not None
    assert found.argv == [sys.executable, "x.py"]


@pytest.mark.parametrize(
    "base_url", ["http://localhost", "https://kv.localhost:1", "http://[::1]:2", "http://127.0.0.9"]
)
def test_a_service_of_this_machine_is_started(base_url: str) -> None:
    assert deployment(manifest(), base_url) is not None


@pytest.mark.parametrize("base_url", ["http://kv.example", "http://10.0.0.1:8004", "", "ftp://a"])
def test_a_service_elsewhere_is_not_started(base_url: str) -> None:
    assert deployment(manifest(), base_url) is None


@pytest.mark.parametrize("written", [None, {"type": "docker", "command": "a && b"}])
def test_any_other_deployment_is_the_user_s(written: Any) -> None:
    assert deployment(manifest(deployment=written)) is None


def test_a_reference_without_a_value_is_named() -> None:
    relic = manifest(deployment={"type": "process", "command": "serve ${KV_DIR}"})
    with pytest.raises(SetupError, match=r"needs .*KV_DIR.*set the environment variable KV_DIR"):
        deployment(relic)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (None, "needs a 'command'"),
        ("", "must name a program"),
        ([], "must name a program"),
        ("cd app && serve", "'&&' needs a shell"),
        ("echo a; serve", "'a;' needs a shell"),
        ("serve 'a", "open quote"),
    ],
)
def test_a_command_that_can_not_be_started_is_refused(command: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        manifest(deployment={"type": "process", "command": command})
