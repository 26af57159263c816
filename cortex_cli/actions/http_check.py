"""What is wrong with the request of an http tool, found before it is sent."""

import re
from collections.abc import Iterator

from cortex_cli.actions.hosts import Hosts
from cortex_cli.actions.url_template import literal_host
from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.tool_models import HttpImplementation, ToolManifest
from cortex_cli.plan import references
from cortex_cli.plan.references import Reference

_PARTS = ("url", "headers", "query", "body")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_TO_BE_SET = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def check_http(manifest: ToolManifest) -> list[Finding]:
    """The problems of an http tool that show before any call; none for other tools.

    The names that references use are checked where the tool declares its parameters; without a
    declaration it may be given any.
    """
    http = manifest.implementation
    if not isinstance(http, HttpImplementation):
        return []
    return [*_in_references(manifest, http), *_in_hosts(http), *_in_headers(http)]


def _in_references(manifest: ToolManifest, http: HttpImplementation) -> Iterator[Finding]:
    written = {part: getattr(http, part) for part in _PARTS}
    for path, error in references.errors(written):
        yield _finding("reference_syntax", str(error), None, *path)
    for path, reference in references.find(written):
        message, hint = _unknown(manifest, reference)
        if message:
            yield _finding("unknown_reference", message, hint, *path)


def _unknown(manifest: ToolManifest, reference: Reference) -> tuple[str | None, str | None]:
    """What is wrong with the name of a reference, and the nearest that is right."""
    parameters, variables = _declared(manifest)
    members = {"inputs": parameters, "env": variables, "secrets": manifest.secrets.keys()}
    root = reference.root
    if root not in members:
        if parameters is None or variables is None or root in parameters | variables:
            return None, None
        known = parameters | variables | members.keys()
        return f"nothing provides '{root}' to the request", did_you_mean(root, sorted(known))
    names = members[root]
    if names is None or not reference.path or reference.path[0] in names:
        return None, None
    member = str(reference.path[0])
    return f"the tool declares no '{root}.{member}'", did_you_mean(member, sorted(names))


def _declared(manifest: ToolManifest) -> tuple[set[str] | None, set[str] | None]:
    """The names of the parameters and of the variables; None where there may be others."""
    parameters = manifest.parameters
    environment = manifest.environment
    return (
        None if parameters is None else {parameter.name for parameter in parameters},
        None if environment.env_file else {*environment.variables},
    )


def _in_hosts(http: HttpImplementation) -> Iterator[Finding]:
    for place, entry in enumerate(http.allow_hosts):
        try:
            Hosts([entry])
        except ValueError as error:
            hint = "write 'host', 'host:port' or '*.example.org'"
            yield _finding("allow_hosts", str(error), hint, "allow_hosts", place)
    if not http.allow_hosts and not references.errors(http.url) and not literal_host(http.url):
        message = "the URL does not say which host it is for"
        yield _finding("allow_hosts", message, "name the hosts in 'allow_hosts'", "url")


def _in_headers(http: HttpImplementation) -> Iterator[Finding]:
    for name in http.headers:
        if not _HEADER_NAME.fullmatch(name):
            yield _finding("header", f"{name[:40]!r} is no name of a header", None, "headers")
        elif name.lower() in _NOT_TO_BE_SET:
            message = f"the header '{name}' follows from the request and can't be set"
            yield _finding("header", message, None, "headers", name)


def _finding(code: str, message: str, hint: str | None, *path: str | int) -> Finding:
    return Finding(code=code, message=message, hint=hint, path=("implementation", *path))
