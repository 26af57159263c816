"""Settings: flag > `CORTEX_*` > `cortex.toml` in the root > the user's own `config.toml`.

Flags are the command line's; this module knows the other three. Nothing below imports it:
values are passed down.
"""

import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, ValidationError

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.mcp_models import DeclaredServer, ServerName
from cortex_cli.protocol.action import Written
from cortex_cli.protocol.agent_loop import ParallelLimit

FILE_NAME = "cortex.toml"
_DIGITS = 10
_MOST_BYTES = 1024 * 1024


class McpSettings(Written):
    """The MCP servers that are there for all manifests."""

    servers: dict[ServerName, DeclaredServer] = Field(default_factory=dict)


class Settings(Written):
    """What a user sets once for all manifests."""

    progress: Literal["auto", "live", "plain", "none"] = "auto"
    color: Literal["auto", "always", "never"] = "auto"
    durability: Literal["process", "power"] = "process"
    """What the events of a run survive: the end of the process, or that of the power too."""
    max_parallel: ParallelLimit | None = None
    """In place of a manifest's own `max_parallel_actions`."""
    model: str | None = None
    """`provider:model`, the default where a manifest chooses none."""
    base_url: str | None = None
    """Where models of that provider are, if it is not the provider's own address."""
    api_key_env: str | None = None
    """The variable that holds the key for them."""
    mcp: McpSettings = McpSettings()
    """Only in files: `[mcp.servers.NAME]`."""


def load_settings(environ: Mapping[str, str], root: Path | None) -> Settings:
    """The settings that hold for manifests under `root`.

    Raises UsageError, which names the place, for an unknown key or a misfit value.
    """
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for place, key, value in _sources(environ, root):
        if key not in Settings.model_fields:
            message = f"{place}: there is no setting '{key}'"
            raise UsageError(message, hint=did_you_mean(key, Settings.model_fields))
        values[key] = _with_servers(values.get(key), value) if key == "mcp" else value
        places[key] = place
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        where = ".".join(map(str, first["loc"]))
        message = f"{places[key]}: '{first['input']!s:.80}' is no value for the setting '{where}'"
        if first["type"] == "extra_forbidden":
            message = f"{places[key]}: there is no setting '{where}'"
        raise UsageError(message, hint=first["msg"].removeprefix("Value error, ")) from error


def _with_servers(weaker: Any, stronger: Any) -> Any:
    """The servers of two files, each whole: one that both declare is the stronger file's."""
    if not isinstance(weaker, dict) or not isinstance(stronger, dict):
        return stronger
    both = cast("list[dict[str, Any]]", [weaker, stronger])
    tables = [one.get("servers", {}) for one in both]
    if not all(isinstance(table, dict) for table in tables):
        return both[1]
    return {**both[0], **both[1], "servers": {**tables[0], **tables[1]}}


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where state lives: `$CORTEX_HOME`, else `$XDG_STATE_HOME/cortex`, else under the home."""
    if environ.get("CORTEX_HOME"):
        return Path(environ["CORTEX_HOME"]).absolute()
    return _xdg(environ, "XDG_STATE_HOME", ".local/state") / "cortex"


def _sources(environ: Mapping[str, str], root: Path | None) -> Iterator[tuple[str, str, Any]]:
    """Place, key and value of all settings, the weakest first."""
    files = [_xdg(environ, "XDG_CONFIG_HOME", ".config") / "cortex" / "config.toml"]
    if root is not None:
        files.append(root / FILE_NAME)
    for file in files:
        for key, value in _read(file).items():
            yield str(file), key, value
    for name, value in sorted(environ.items()):
        if name.startswith("CORTEX_") and name not in _OTHER_USES and value:
            yield name, name.removeprefix("CORTEX_").lower(), _typed(value)


def _typed(text: str) -> str | int:
    """A variable's text as the TOML value that it stands for."""
    return int(text) if text.isdecimal() and len(text) < _DIGITS else text


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_content(file).decode())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except RecursionError as error:
        message = f"{file}: not valid TOML: its values are nested too deeply"
        raise UsageError(message) from error
    except ValueError as error:
        # Not only of the syntax and the encoding: Python refuses to read very long numbers.
        message = f"{file}: not valid TOML: {error}"
        raise UsageError(message) from error
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise SetupError(message) from error


def _content(file: Path) -> bytes:
    """The bytes of a file, without waiting for a pipe or reading from a device."""
    if not stat.S_ISREG(file.stat().st_mode):
        message = f"{file}: cannot be read: it is not a file"
        raise SetupError(message)
    with file.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        message = f"{file}: cannot be read: it is larger than 1 MiB"
        raise SetupError(message)
    return content


def _xdg(environ: Mapping[str, str], name: str, default: str) -> Path:
    # The XDG specification: a path that is not absolute is to be ignored.
    given = Path(environ.get(name, ""))
    if given.is_absolute():
        return given
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / default


# CORTEX_HOME is the state folder; the others are set by cortex for what it runs.
_OTHER_USES = frozenset(
    {
        "CORTEX_HOME",
        "CORTEX_RUN_ID",
        "CORTEX_RUN_DIR",
        "CORTEX_ACTION_ID",
        "CORTEX_ATTEMPT",
        "CORTEX_IDEMPOTENCY_KEY",
        "CORTEX_RUN_MARK",
    }
)
