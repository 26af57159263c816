"""The relic that is built in: a key-value store in a file of the state folder.

| operation | parameters | output |
| --- | --- | --- |
| `set_value` | `key`, `value`, `ttl` in seconds (none: for ever) | `{success: true, key}` |
| `get_value` | `key`, `default` (null) | `{success, key, value}`; without success the default |
| `delete_value` | `key` | `{success, key}`: whether there was such a key |
| `list_keys` | `prefix` (none), `limit` (1,000) | `{success: true, keys, truncated}`, sorted |

Values are any JSON; keys and values keep every character, lone surrogates aside, which are
refused. A key that is missing is data, not a failure.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from cortex_cli.actions.kv_file import KvFile
from cortex_cli.actions.operations import Operation, OperationParameter, choose_operation
from cortex_cli.actions.utf8 import utf8
from cortex_cli.engine.ports import ActionCall, Clock
from cortex_cli.errors import ActionError
from cortex_cli.ids import slug

T = TypeVar("T")

_KEY = OperationParameter(type="string")
_ANY = OperationParameter()
_LIMIT = 1_000

OPERATIONS = (
    Operation(
        name="set_value",
        parameters={
            "key": _KEY,
            "value": _ANY,
            "ttl": OperationParameter(type="number", required=False),
        },
    ),
    Operation(
        name="get_value",
        parameters={"key": _KEY, "default": OperationParameter(required=False)},
    ),
    Operation(name="delete_value", parameters={"key": _KEY}),
    Operation(
        name="list_keys",
        parameters={
            "prefix": OperationParameter(type="string", default="", required=False),
            "limit": OperationParameter(type="integer", default=_LIMIT, required=False),
        },
    ),
)


def store_path(state_folder: Path, name: str, identity: str) -> Path:
    """The file of a relic: `relics/<slug of its name>-<hash of its identity>.sqlite`."""
    digest = sha256(identity.encode()).hexdigest()[:12]
    return state_folder / "relics" / f"{slug(name)[:60] or 'relic'}-{digest}.sqlite"


class EmbeddedRelic:
    """Performs the actions of an embedded relic; opens its file at the first one."""

    def __init__(self, name: str, *, state_folder: Path, identity: str, clock: Clock) -> None:
        """`identity` tells relics of one name apart: the path of the manifest."""
        import anyio

        path = store_path(state_folder, name, identity)
        self._store = path.stem
        self._file = KvFile(path)
        self._clock = clock
        self._turn = anyio.Lock()

    async def fingerprint(self, _: ActionCall) -> dict[str, str]:
        """Which store it is; what is in it is not known beforehand."""
        return {"tool": self._store}

    async def run(self, call: ActionCall) -> Any:
        """The output of one operation; ActionError as in `choose_operation`, `store` or `secret`."""
        if call.has_secret(call.parameters):
            message = "a secret would be kept in the built-in store, which is a file"
            hint = "keep what is not secret, or use a service of your own"
            raise ActionError(message, error_type="secret", retryable=False, hint=hint)
        operation, parameters = choose_operation(call.action, call.parameters, OPERATIONS)
        return await self._alone(partial(self._perform, operation.name, parameters))

    async def aclose(self) -> None:
        """Close the file; a second time does nothing."""
        import anyio

        if self._file.is_open:
            with anyio.CancelScope(shield=True):
                await self._alone(self._file.close)

    async def _alone(self, work: Callable[[], T]) -> T:
        """Do the work in a thread, while no other action or process uses the file."""
        import anyio

        async with self._turn, self._file.exclusive():
            return await anyio.to_thread.run_sync(work)

    def _perform(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        now = self._clock.wall()
        match operation:
            case "set_value":
                return self._set(parameters["key"], parameters["value"], parameters.get("ttl"), now)
            case "get_value":
                return self._get(parameters["key"], parameters.get("default"), now)
            case "delete_value":
                key = parameters["key"]
                return {"success": self._file.delete(utf8(key), now=now), "key": key}
            case _:
                return self._list(parameters["prefix"], parameters["limit"], now)

    def _set(self, key: str, value: object, ttl: float | None, now: float) -> dict[str, Any]:
        if ttl is not None and ttl <= 0:
            message = f"'ttl' must be more than 0 seconds, not {ttl:g}"
            raise ActionError(message, error_type="parameters", retryable=False)
        expires_at = None if ttl is None else now + ttl
        self._file.set(utf8(key), _json(value), expires_at=expires_at, now=now)
        return {"success": True, "key": key}

    def _get(self, key: str, default: object, now: float) -> dict[str, Any]:
        stored = self._file.get(utf8(key), now=now)
        if stored is None:
            return {"success": False, "key": key, "value": default}
        return {"success": True, "key": key, "value": json.loads(stored)}

    def _list(self, prefix: str, limit: int, now: float) -> dict[str, Any]:
        if limit < 1:
            message = f"'limit' must be at least 1, not {limit}"
            raise ActionError(message, error_type="parameters", retryable=False)
        found = self._file.keys(utf8(prefix), limit=limit + 1, now=now)
        keys = [key.decode() for key in found[:limit]]
        return {"success": True, "keys": keys, "truncated": len(found) > limit}


def _json(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        message = f"the value is no JSON: {error}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
    utf8(text)
    return text
