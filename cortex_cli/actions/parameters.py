"""Holding what an action gives a tool against what the tool declares."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from cortex_cli.errors import ActionError
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.parameters import ToolParameter
from cortex_cli.manifest.tool_models import ToolManifest


def check_parameters(manifest: ToolManifest, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the tool takes them, with its defaults filled in.

    A null for a parameter that need not be given counts as not given: the default takes its
    place, if there is one. A tool that declares nothing (`parameters` left out) takes anything.
    Raises ActionError (`parameters`, not retryable) that names all that is missing or misfit, or
    the first unknown parameter with the nearest known one.
    """
    if manifest.parameters is None:
        return dict(parameters)
    declared = {parameter.name: parameter for parameter in manifest.parameters}
    for name in parameters:
        if name not in declared:
            hint = did_you_mean(name, declared)
            _refuse(f"tool '{manifest.name}' has no parameter '{name}'", hint)
    accepted = dict(_filled(declared, parameters))
    misfits = list(_misfits(declared, accepted))
    if misfits:
        _refuse(f"tool '{manifest.name}': {', '.join(misfits)}")
    return accepted


def encoded(value: Any) -> bytes:
    """A parameter, or all of them, as compact JSON; ActionError (`parameters`) if they can't be."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"the parameters are not JSON: {error}"
        raise ActionError(message, error_type="parameters", retryable=False) from error


def _filled(
    declared: Mapping[str, ToolParameter], given: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for name, parameter in declared.items():
        if given.get(name) is not None:
            yield name, given[name]
        elif "default" in parameter.model_fields_set:
            yield name, parameter.default
        elif name in given:
            yield name, None


def _misfits(declared: Mapping[str, ToolParameter], accepted: Mapping[str, Any]) -> Iterator[str]:
    for name, parameter in declared.items():
        value = accepted.get(name)
        if value is not None:
            misfit = parameter.misfit(value)
            if misfit is not None:
                yield f"parameter '{name}' {misfit}"
        elif parameter.is_required:
            yield f"parameter '{name}' is required"


def _refuse(message: str, hint: str | None = None) -> NoReturn:
    raise ActionError(message, error_type="parameters", retryable=False, hint=hint)
