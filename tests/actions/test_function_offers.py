"""What a model is told of Python functions."""

from typing import Any, Literal

import pytest

from cortex_cli.actions.function_offers import function_offers
from cortex_cli.errors import UsageError


def test_names_docstrings_and_types_become_offers() -> None:
    async def fetch(url: str, pages: int = 3, kind: Literal["a", "b"] | None = None) -> str:
        """Fetches a page,
        and more.

        Not this.
        """
        return f"{url}{pages}{kind}"

    [offer] = function_offers({"get": fetch})
    assert (offer.type, offer.target, offer.description) == (
        "tool",
        "get",
        "Fetches a page, and more.",
    )
    schema = offer.parameters
    assert (schema["required"], schema["additionalProperties"]) == (["url"], False)
    assert schema["properties"]["url"] == {"type": "string"}
    assert schema["properties"]["pages"] == {"type": "integer", "default": 3}
    assert {"enum": ["a", "b"], "type": "string"} in schema["properties"]["kind"]["anyOf"]


def test_what_has_no_type_that_json_knows_may_be_anything() -> None:
    class Odd:
        pass

    def odd(thing: Odd, rest: Any = None, **more: int) -> None:
        del thing, rest, more

    def unknown(x: "Nowhere") -> None:  # pyright: ignore[reportUndefinedVariable] # noqa: F821
        del x

    first, second, third = function_offers({"odd": odd, "unknown": unknown, "type": type})
    assert first.parameters == {
        "type": "object", "properties": {"thing": {}, "rest": {}}, "required": ["thing"],
    }  # fmt: skip
    assert first.description == ""
    assert second.parameters["properties"] == {"x": {}}
    assert third.parameters == {"type": "object"}


def test_an_object_with_execute_cannot_be_planned_with() -> None:
    class Tools:
        async def execute(self, name: str, parameters: dict[str, Any]) -> Any:
            return name, parameters

    with pytest.raises(UsageError, match="a mapping of names to functions"):
        function_offers(Tools())
