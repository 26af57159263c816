"""What a relic with `deployment: {type: process}` has cortex start, and on which port."""

import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cortex_cli.actions.addresses import Reach, is_address, reach_of
from cortex_cli.actions.hosts import parse_url
from cortex_cli.actions.service import Deployment, Service
from cortex_cli.errors import SetupError
from cortex_cli.manifest.command_line import arguments
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface
from cortex_cli.plan.paths import Path as Steps
from cortex_cli.plan.references import MISSING, find, resolve, walk

_PORT = "PORT"
_PYTHON = frozenset({"python", "python3"})


def with_port(manifest: RelicManifest, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables declared for a relic, with a free `PORT` where its `base_url` needs one.

    That is where cortex starts the service, the `base_url` names `PORT` without a default, and no
    `PORT` is declared.
    """
    interface, deployment = manifest.interface, manifest.deployment
    if deployment is None or not deployment.is_process or _PORT in variables:
        return dict(variables)
    if not isinstance(interface, RestInterface):
        return dict(variables)
    for _, reference in find(interface.base_url):
        if reference.default is None and _PORT in (reference.root, *reference.path):
            return {**variables, _PORT: str(_free_port())}
    return dict(variables)


def deployed_service(
    manifest: RelicManifest,
    folder: Path,
    *,
    base_url: str,
    variables: Mapping[str, str],
    ambient: Mapping[str, str],
) -> Service | None:
    """The service to start for a relic; None if the user starts it, or it is on another machine.

    References in the command name declared variables, and those of `ambient`; the service finds
    its port in `PORT`. SetupError if a reference has no value or the program is missing.
    """
    deployment = manifest.deployment
    port = _local_port(base_url)
    if deployment is None or not deployment.is_process or port is None:
        return None
    environment = {_PORT: str(port), **variables}
    argv = _argv(manifest.name, deployment.command or (), environment, ambient)
    return Service(
        Deployment(
            name=manifest.name,
            argv=argv,
            folder=folder,
            environment=environment,
            start_seconds=deployment.start_seconds,
        )
    )


def _argv(
    name: str,
    command: str | tuple[str, ...],
    environment: Mapping[str, str],
    ambient: Mapping[str, str],
) -> list[str]:
    def lookup(root: str, path: Steps) -> Any:
        for names in ({"env": environment}, environment, ambient):
            if root in names:
                return walk(names[root], path)
        return MISSING

    words = arguments(command)
    for _, reference in find(list(words)):
        if reference.default is None and lookup(reference.root, reference.path) is MISSING:
            message = f"the command that starts relic '{name}' needs {reference.text}"
            raise SetupError(message, hint=f"set the environment variable {reference.root}")
    argv = [str(resolve(word, lookup)) for word in words]
    if argv[0] in _PYTHON and shutil.which(argv[0], path=environment.get("PATH")) is None:
        argv[0] = sys.executable
    return argv


def _local_port(base_url: str) -> int | None:
    """The port of a URL on this machine; None for any other URL, and for none at all."""
    try:
        url = parse_url(base_url)
    except ValueError:
        return None
    host = url.host
    is_local = reach_of(host) is Reach.LOOPBACK if is_address(host) else _is_localhost(host)
    return url.port if is_local else None


def _is_localhost(host: str) -> bool:
    return f".{host}".endswith(".localhost")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
