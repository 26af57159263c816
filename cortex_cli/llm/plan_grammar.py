"""A grammar in GBNF under which whatever a model writes is a plan that can be loaded."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from cortex_cli.engine.planner import PlanOrder
from cortex_cli.protocol.offers import Offer
from cortex_cli.protocol.plan_text import ANSWER

_DEEPEST = 4
_MOST_ITEMS = 4
_MOST_VALUES = 64
_MOST_ACTIONS = 4
_MOST_EARLIER = 8
_LONGEST_ANSWER = 200

# No dollar sign: what could be read as a reference is written as one, or not at all.
_COMMON = r"""
text ::= "\"" char{0,LONGEST} "\""
char ::= [^"\\$\x00-\x1F\x7F-\x9F] | "\\" ["\\nt]
integer ::= "-"? natural
natural ::= "0" | [1-9] [0-9]{0,8}
number ::= integer ("." [0-9]{1,6})?
boolean ::= "true" | "false"
texts ::= "{}" | "{" text ":" text ("," text ":" text){0,3} "}"
"""

_LONGEST_TEXT = 60
_ANSWERS = (
    f"""answer ::= "{{\\"{ANSWER}\\":" answer-text "}}" """.strip(),
    f"""answer-text ::= "\\"" char{{1,{_LONGEST_ANSWER}}} "\\"" """.strip(),
)

_SIMPLE = {"boolean": "boolean", "null": '"null"', "object": "texts"}


def plan_grammar(
    offers: Sequence[Offer],
    *,
    least_actions: int = 1,
    most_actions: int = 8,
    longest_text: int = 80,
) -> str:
    """The grammar of one JSON action after another, without white space.

    The ids are a1, a2 … in order. An action calls one of the offers, with its required parameters
    and any of the others; a text may be a reference to the output of an earlier action, and
    `depends_on` names earlier actions only. Types, `enum`, `const`, `items` and whether a number
    may be negative are kept to; other keywords of a schema are left for whoever checks the plan.
    ValueError without offers.
    """
    plan = _plan(offers, (least_actions, most_actions), 1, ())
    return "\n".join(["root ::= plan-1", *_common(longest_text), *plan, ""])


def turn_grammar(offers: Sequence[Offer], order: PlanOrder) -> str:
    """The grammar of one turn of a planner: a plan, a final answer, or either of the two.

    A plan where nothing has been done yet or actions are still open, an answer in the last turn.
    """
    known = [str(outcome.action.get("id")) for outcome in order.outcomes]
    open_ids = [str(action.get("id")) for action in order.pending]
    completed = [
        str(outcome.action.get("id")) for outcome in order.outcomes if outcome.status == "completed"
    ]
    may_answer = bool(known) and not open_ids and not order.broken
    must_answer = may_answer and order.iteration == order.max_iterations
    earlier = [*completed, *open_ids][-_MOST_EARLIER:]
    first = len(known) + len(open_ids) + 1
    plan = [] if must_answer else _plan(offers, (1, _MOST_ACTIONS), first, tuple(earlier))
    choices = [*(["plan-1"] if plan else []), *(["answer"] if may_answer else [])]
    return "\n".join(
        [f"root ::= {' | '.join(choices)}", *_common(_LONGEST_TEXT), *_ANSWERS, *plan, ""]
    )


def _common(longest_text: int) -> list[str]:
    return [_COMMON.strip().replace("LONGEST", str(longest_text))]


def _plan(
    offers: Sequence[Offer], bounds: tuple[int, int], first: int, earlier: tuple[str, ...]
) -> list[str]:
    if not offers:
        message = "a plan needs something that it may call"
        raise ValueError(message)
    least, most = bounds
    lines: list[str] = []
    for number in range(1, most + 1):
        may_end, must_end = number >= least, number == most
        ids = _Ids(earlier, tuple(f"a{first + place}" for place in range(number)))
        lines += _Position(number, ids, may_end=may_end, must_end=must_end).rules(offers)
    return lines


@dataclass(frozen=True, slots=True)
class _Ids:
    """What an action may name: ids of earlier turns, and those before it; the last is its own."""

    earlier: tuple[str, ...]
    of_plan: tuple[str, ...]

    @property
    def own(self) -> str:
        return self.of_plan[-1]

    @property
    def before(self) -> tuple[str, ...]:
        return self.of_plan[:-1]

    @property
    def referable(self) -> tuple[str, ...]:
        return (*self.earlier, *self.before)


@dataclass(frozen=True, slots=True)
class _Position:
    """The place of an action in the plan, from 1: what it may refer to depends on that."""

    number: int
    ids: _Ids
    may_end: bool
    must_end: bool

    def rules(self, offers: Sequence[Offer]) -> Iterator[str]:
        number = self.number
        rest = "" if self.must_end else f" plan-{number + 1}{'?' if self.may_end else ''}"
        yield f"plan-{number} ::= action-{number}{rest}"
        start, end = _literal(f'{{"id":"{self.ids.own}",'), _literal("}")
        after = f" after-{number}?" if self.ids.before else ""
        calls = " | ".join(f"call-{number}-{place}" for place in range(len(offers)))
        yield f"action-{number} ::= {start} ({calls}){after} {end}"
        for place, offer in enumerate(offers):
            yield f"call-{number}-{place} ::= {self._call(offer)}"
        if self.ids.referable:
            yield from self._references()
        if self.ids.before:
            yield from self._dependencies()

    def _call(self, offer: Offer) -> str:
        named = {"type": str(offer.type), "target": offer.target}
        if offer.operation is not None:
            named["operation"] = offer.operation
        start = json.dumps(named, separators=(",", ":"))[1:-1] + ',"parameters":'
        return f"{_literal(start)} {self._object(offer.parameters, 0)}"

    def _references(self) -> Iterator[str]:
        """The rules for the outputs that an action may refer to."""
        number = self.number
        named = " | ".join(map(_literal, self.ids.referable))
        start, end = _literal('"$(steps.'), _literal(')"')
        yield f"earlier-{number} ::= {start} ({named}) {end}"
        yield f"value-{number} ::= text | earlier-{number}"

    def _dependencies(self) -> Iterator[str]:
        """The rules for what an action may depend on."""
        number, before = self.number, self.ids.before
        starts = " | ".join(f"from-{number}-{place}" for place in range(1, number))
        start, end = _literal(',"depends_on":['), _literal("]")
        yield f"after-{number} ::= {start} ({starts}) {end}"
        for place in range(1, number):
            later = " | ".join(f"from-{number}-{other}" for other in range(place + 1, number))
            rest = f' ("," ({later}))?' if later else ""
            yield f"from-{number}-{place} ::= {_literal(_json(before[place - 1]))}{rest}"

    @property
    def _text(self) -> str:
        return f"value-{self.number}" if self.ids.referable else "text"

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        properties: Mapping[str, Any] = schema.get("properties") or {}
        wanted = [str(name) for name in schema.get("required") or () if name in properties]
        pairs = {
            name: f"{_literal(json.dumps(name) + ':')} {self._value(one, depth + 1)}"
            for name, one in properties.items()
        }
        optional = [pair for name, pair in pairs.items() if name not in wanted]
        comma = _literal(",")
        if wanted:
            inner = f" {comma} ".join(pairs[name] for name in wanted)
            inner += "".join(f" ({comma} {pair})?" for pair in optional)
            return f"{_literal('{')} {inner} {_literal('}')}"
        if not optional:
            return _literal("{}")
        starts = " | ".join(
            pair + "".join(f" ({comma} {later})?" for later in optional[place + 1 :])
            for place, pair in enumerate(optional)
        )
        return f"{_literal('{')} ({starts})? {_literal('}')}"

    def _value(self, schema: Any, depth: int) -> str:
        if not isinstance(schema, Mapping):
            return self._text
        known = cast("Mapping[str, Any]", schema)
        if "const" in known:
            return _literal(_json(known["const"]))
        if known.get("enum"):
            values: list[Any] = list(known["enum"])[:_MOST_VALUES]
            return f"({' | '.join(_literal(_json(value)) for value in values)})"
        types: Any = known.get("type", "string")
        if isinstance(types, str):
            return self._of_type(types, known, depth)
        kinds = " | ".join(self._of_type(str(kind), known, depth) for kind in types)
        return f"({kinds})"

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> str:
        match kind:
            case "array":
                return self._array(schema, depth)
            case "object" if schema.get("properties") and depth < _DEEPEST:
                return self._object(schema, depth)
            case "integer" | "number":
                return _number(kind, schema)
            case _:
                return _SIMPLE.get(kind, self._text)

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        if depth >= _DEEPEST:
            return _literal("[]")
        item = self._value(schema.get("items"), depth + 1)
        rest = f"({_literal(',')} {item}){{0,{_MOST_ITEMS - 1}}}"
        return f"{_literal('[')} {item} {rest} {_literal(']')}"


def _number(kind: str, schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if not isinstance(least, int | float) or least < 0:
        return kind
    if kind == "number":
        return f"natural ({_literal('.')} [0-9]{{1,6}})?"
    if isinstance(most, int | float) and most - least < _MOST_VALUES:
        values = range(int(least), int(most) + 1)
        return f"({' | '.join(_literal(str(value)) for value in values)})"
    return "natural"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _literal(text: str) -> str:
    """A text of the grammar as it stands."""
    return f'"{text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
