"""Using outputs again: an action whose key is known is not performed a second time.

The key of an output is made of named parts: what the action is given (`inputs`), what it calls
(`action`), the files of what it calls (`tool`), the declared variables and the folder
(`environment`), and which cortex it is (`version`). Of equal keys at once one action is performed,
and the others wait for what it gives.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from cortex_cli.engine.cache import (
    CacheHit,
    CacheOrigin,
    CacheSubject,
    CacheUse,
    NotCacheableError,
    digest,
)
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.ports import ActionCall, Handler
from cortex_cli.kinds import ActionType, Effect
from cortex_cli.protocol.action import Action, CachePolicy

# How keys are made; another way of making them gets another number.
_VERSION = 1
_AS_USUAL = CachePolicy()
_FOR_ALL = frozenset({ActionType.TOOL, ActionType.LLM})


class CachedOutput(msgspec.Struct, frozen=True):
    """What a handler returns where the output was made before."""

    output: Any


class Caching:
    """What the actions of one run share: the cache, and which keys are being worked on."""

    def __init__(self, use: CacheUse, wall: Callable[[], float]) -> None:
        """`wall` gives the seconds since 1970."""
        self.version = use.version
        self._is_for_all = use.is_for_all
        self._cache = use.cache
        self._wall = wall
        self._flights: dict[str, anyio.Event] = {}
        self._said: set[tuple[str | None, str]] = set()
        self._warnings: deque[str] = deque()
        use.cache.watch(self._warnings.append)

    def around(self, handler: Handler, record: ActionRecord) -> Handler:
        """The handler of one attempt, which uses the cache if the action may.

        Raises ActionError if the references of the policy's key can't be resolved.
        """
        action = record.action
        policy = policy_of(action, is_for_all=self._is_for_all)
        if policy is None:
            return handler
        return CachingHandler(handler, self, policy.ttl_seconds, record.resolve(policy.key))

    async def take(self, key: str, call: ActionCall) -> CacheHit | None:
        """The entry for a key, or None: the caller makes one, and calls `land` in any case.

        Waits while another is at it.
        """
        while (flight := self._flights.get(key)) is not None:
            await flight.wait()
        self._flights[key] = anyio.Event()
        is_missing = False
        try:
            hit = await anyio.to_thread.run_sync(self._cache.get, key, self._wall())
            is_missing = hit is None
        finally:
            if not is_missing:
                self.land(key)
        self._pass_on(call)
        return hit

    async def keep(
        self, key: str, parts: Mapping[str, str], ttl: float | None, call: ActionCall, output: Any
    ) -> None:
        """Put an output into the cache, without secrets that it may hold."""
        origin = CacheOrigin(
            subject=subject_of(call.action),
            parts=parts,
            execution_id=call.execution_id,
            made_at=self._wall(),
            ttl_seconds=ttl,
        )
        if call.masker is not None:
            output = call.masker.mask_value(output)
        try:
            await anyio.to_thread.run_sync(partial(self._cache.put, key, output, origin))
        except (TypeError, ValueError, RecursionError) as error:
            self.say(call, f"its output is not JSON: {error}")
        self._pass_on(call)

    def land(self, key: str) -> None:
        """Let those look again who wait for the key."""
        self._flights.pop(key).set()

    def say(self, call: ActionCall, reason: str) -> None:
        """Warn, once for each target, that its outputs are not cached."""
        if (call.action.target, reason) not in self._said:
            self._said.add((call.action.target, reason))
            call.report.warn(f"not cached, because {reason}")

    def _pass_on(self, call: ActionCall) -> None:
        while self._warnings:
            call.report.warn(self._warnings.popleft())


@dataclass(frozen=True, slots=True)
class _Flight:
    key: str
    parts: Mapping[str, str]


class CachingHandler:
    """Another handler for one attempt, which is asked only if there is no earlier output."""

    def __init__(self, handler: Handler, caching: Caching, ttl: float | None, key: Any) -> None:
        """`key`, if there is one, stands in place of the parameters."""
        self._handler = handler
        self._caching = caching
        self._ttl = ttl
        self._key = key
        self._hit: CacheHit | None = None
        self._flight: _Flight | None = None

    async def prepare(self, call: ActionCall) -> None:
        """Look for an earlier output; without one, prepare for making it."""
        is_ready = False
        try:
            await self._look(call)
            prepare = getattr(self._handler, "prepare", None)
            if self._hit is None and prepare is not None:
                await prepare(call)
            is_ready = True
        finally:
            if not is_ready:
                self._land()

    async def run(self, call: ActionCall) -> Any:
        """The earlier output as a CachedOutput, or what the handler gives."""
        if self._hit is not None:
            return CachedOutput(self._hit.output)
        try:
            output = await self._handler.run(call)
            flight = self._flight
            if flight is not None:
                await self._caching.keep(flight.key, flight.parts, self._ttl, call, output)
            return output
        finally:
            self._land()

    async def _look(self, call: ActionCall) -> None:
        try:
            parts = await parts_of(
                self._handler, call, version=self._caching.version, key=self._key
            )
        except NotCacheableError as error:
            self._caching.say(call, str(error))
            return
        key = digest(parts)
        self._hit = await self._caching.take(key, call)
        if self._hit is None:
            self._flight = _Flight(key, parts)

    def _land(self) -> None:
        if self._flight is not None:
            self._caching.land(self._flight.key)
            self._flight = None


def policy_of(action: Action, *, is_for_all: bool) -> CachePolicy | None:
    """How the output of an action is cached, if it is; `is_for_all`: unless it says not to."""
    written = action.cache
    if isinstance(written, CachePolicy):
        return written
    if written:
        return _AS_USUAL
    if not is_for_all or "cache" in action.model_fields_set:
        return None
    is_meant = action.type in _FOR_ALL and action.effect is not Effect.EXTERNAL
    return _AS_USUAL if is_meant else None


def subject_of(action: Action) -> CacheSubject:
    """Whose output it is."""
    return CacheSubject(
        type=action.type, target=action.target, operation=action.operation, action_id=action.id
    )


async def parts_of(
    handler: Handler, call: ActionCall, *, version: str = "", key: Any = None
) -> dict[str, str]:
    """The digests that make the key of a call's output, by what they are of.

    `key` stands in place of the parameters, `version` is that of cortex. NotCacheableError where an
    output must not be used again, or a part can't be told.
    """
    if any(call.has_secret(given) for given in (call.parameters, call.env, call.cwd, key)):
        message = "it is given a secret"
        raise NotCacheableError(message)
    action = call.action
    found = await fingerprint_of(handler, call)
    try:
        return {
            "inputs": digest(dict(call.parameters) if key is None else {"key": key}),
            "action": digest([action.type.value, action.target, action.operation]),
            "tool": found.get("tool", ""),
            "environment": digest([dict(call.env), call.cwd, found.get("environment")]),
            "version": digest([_VERSION, version]),
        }
    except (TypeError, ValueError, RecursionError) as error:
        message = f"its inputs are not JSON: {error}"
        raise NotCacheableError(message) from error


async def fingerprint_of(handler: Handler, call: ActionCall) -> Mapping[str, str]:
    """What a handler says that an output depends on; NotCacheableError if it can't say."""
    fingerprint = getattr(handler, "fingerprint", None)
    if fingerprint is None:
        message = "one version of what it calls can't be told from another"
        raise NotCacheableError(message)
    return await fingerprint(call)
