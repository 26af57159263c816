"""A plan that grows while a model writes it: each action is admitted, held back, or refused.

An action that names another one is held back until that one has joined the plan; if it never
does, it is refused. Nothing here runs anything: what is admitted is given back in the order in
which it joins the plan, and that is its order of declaration from then on.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from cortex_cli.ids import unused_id
from cortex_cli.kinds import ActionMode, EdgeKind
from cortex_cli.plan.edges import choices
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.held import Held, Waiting
from cortex_cli.plan.offered import Menu, NotOfferedError
from cortex_cli.plan.provided import Names, Provided
from cortex_cli.plan.shares import troubles
from cortex_cli.plan.wants import Token, Want, tokens_of, wants_of
from cortex_cli.plan.written import RefusedError, chosen_in, read_action, with_offer
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer

MOST_ACTIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An action that joins the plan.

    `number` is its place there, from 0, and `waits` has the places that it waits for. The id of
    `action` is new in the whole run; `name` is the id that it was written with, in `written`.
    """

    number: int
    action: Action
    name: str
    written: Mapping[str, Any]
    waits: tuple[tuple[int, EdgeKind], ...] = ()


@dataclass(slots=True)
class Verdict:
    """What has come of a written action, and of those that were held back for it."""

    admitted: list[Admitted] = field(default_factory=list[Admitted])
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Texts as they were written, each with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a plan finds when it begins.

    `steps` are the ids of earlier iterations' actions, and whether each has completed; the output
    keys of these are among `names.known`. `used` are all ids that the run has had.
    """

    names: Names
    steps: Mapping[str, bool] = field(default_factory=dict[str, bool])
    used: Collection[str] = ()


class _MissingError(Exception):
    """What an action names is not in the plan yet."""


class Admission:
    """The plan of one iteration while it is written."""

    def __init__(self, offers: Sequence[Offer], background: Background) -> None:
        """An empty plan."""
        self.is_too_long = False
        self._menu = Menu(offers)
        self._background = background
        self._used = set(background.used)
        self._provided = Provided(Graph(()), background.names)
        self._actions: list[Action] = []
        self._places: dict[Token, int] = {}
        self._folded: dict[str, str] = {}
        self._waiting = Waiting()
        self._borrowed: dict[Token, str] = {}
        self._claims: dict[str, set[str]] = {}
        self._barrier: int | None = None

    def __len__(self) -> int:
        """How many actions have joined the plan."""
        return len(self._actions)

    def add(self, value: object, text: str, *, again: bool = False) -> Verdict:
        """Take in the next action; `again`: it has been admitted in an earlier part of the run."""
        verdict = Verdict()
        try:
            held = self._read(value, text)
        except RefusedError as error:
            for name in chosen_in(value):
                self._claims.setdefault(name, set()).add(_id_in(value))
            verdict.refused.append((text, str(error)))
            return verdict
        for _, name in choices(held.action):
            self._claims.setdefault(name, set()).add(held.action.id)
        pending = deque([held])
        while pending:
            pending.extend(self._try(pending.popleft(), verdict, again=again))
        return verdict

    def held_back(self) -> list[tuple[str, str]]:
        """The texts that wait for something, each with why that can't be as it is.

        From now on another action may take the place of one of them, by its id.
        """
        for held in self._waiting:
            held.is_told = True
        return self.waiting()

    def waiting(self) -> list[tuple[str, str]]:
        """The same, where nobody is told of it."""
        return [(held.text, reason) for held, reason in self._waiting.reasons()]

    def drop_held(self) -> list[tuple[str, str]]:
        """Refuse what waits for something that does not come any more: texts and reasons."""
        told = self.held_back()
        for held in self._waiting:
            self._waiting.release(held)
        return told

    def adopt(self, admitted: Admitted) -> None:
        """Take in the next action of a plan that a person has written, as it is."""
        action = admitted.action
        for token in tokens_of(action):
            self._places.setdefault(token, admitted.number)
        self._provided.graph.index[action.id] = admitted.number
        self._folded[action.id.casefold()] = action.id
        self._used.add(action.id)
        self._actions.append(action)

    def replace(self, numbers: Iterable[int]) -> None:
        """These actions are to be replaced: their names are free again, and name nothing."""
        gone = set(numbers)
        for token in [token for token, place in self._places.items() if place in gone]:
            del self._places[token]
            if token.of == "id":
                self._provided.graph.index.pop(token.text, None)

    def _read(self, value: object, text: str) -> Held:
        if len(self._actions) + len(self._waiting) >= MOST_ACTIONS:
            self.is_too_long = True
            message = f"a plan has at most {MOST_ACTIONS:,} actions"
            raise RefusedError(message)
        action = read_action(value)
        self._check_new(action)
        try:
            action = with_offer(action, self._menu.choose(action))
        except NotOfferedError as error:
            raise RefusedError(str(error)) from error
        shared = self._background.names.shared
        for trouble in troubles(action, shared, self._provided.hints):
            raise RefusedError(trouble.message)
        wants = wants_of(action, self._provided)[::-1]
        self._folded[action.id.casefold()] = action.id
        written = cast("Mapping[str, Any]", value)
        return Held(action=action, written=written, text=text, wants=wants)

    def _check_new(self, action: Action) -> None:
        before = self._waiting.named(Token("id", action.id))
        if before is not None and before.is_told:
            self._waiting.release(before)
        if Token("id", action.id) in self._places or action.id in self._waiting:
            message = f"the plan has an action '{action.id}' already: choose another id"
            raise RefusedError(message)
        # People and file systems take ids for each other that differ in their case alone.
        like = self._folded.get(action.id.casefold(), action.id)
        if like != action.id and (Token("id", like) in self._places or like in self._waiting):
            message = f"the plan has an action '{like}', which is too much alike: choose another id"
            raise RefusedError(message)
        for token in tokens_of(action):
            by = self._borrowed.get(token)
            if by is not None:
                message = f"'{by}' refers to the earlier '{token.text}': choose another name"
                raise RefusedError(message)
        key = None if action.output_key is None else Token("key", action.output_key)
        if key is not None and (key in self._places or self._waiting.named(key)):
            message = f"another action has the output_key '{action.output_key}' already"
            raise RefusedError(message)

    def _try(self, held: Held, verdict: Verdict, *, again: bool) -> list[Held]:
        """Let an action join if it can; those that may be able to because of that."""
        is_new = held.action.id not in self._waiting
        try:
            missing = self._look_up(held, again=again)
        except RefusedError as error:
            self._waiting.release(held)
            verdict.refused.append((held.text, str(error)))
            return []
        if missing is not None:
            self._waiting.hold(held, missing)
            return self._waiting.wake(held.action) if is_new else []
        self._waiting.release(held)
        verdict.admitted.append(self._admit(held))
        return self._waiting.wake(held.action)

    def _look_up(self, held: Held, *, again: bool) -> Want | None:
        """Find what an action waits for, as far as it is there; the first thing that is not."""
        while held.wants:
            if not self._is_found(held.wants[-1], held, again=again):
                return held.wants[-1]
            held.wants.pop()
        claimed = self._claimed(held.action)
        return next((one for one in claimed if not self._is_found(one, held, again=again)), None)

    def _is_found(self, want: Want, held: Held, *, again: bool) -> bool:
        if want.is_choice:
            return again or self._may_choose(want)
        try:
            place = self._place(want, held.action)
        except _MissingError:
            return False
        if place is not None:
            self._check_source(place)
            if held.waits.get(place) is not EdgeKind.DEPENDS_ON:
                held.waits[place] = want.kind
        return True

    def _claimed(self, action: Action) -> list[Want]:
        """The decisions that choose the action: it waits for these."""
        named = {action.id, action.name}
        deciding = {by for name in named for by in self._claims.get(name, ())}
        return [
            Want((Token("id", by),), EdgeKind.DEPENDS_ON, f"decision '{by}' chooses it")
            for by in sorted(deciding)
        ]

    def _may_choose(self, want: Want) -> bool:
        """Whether what a decision chooses is written; it must not have joined the plan before."""
        if any(token in self._places for token in want.tokens):
            message = f"{want.told}, which was written before: write the decision first"
            raise RefusedError(message)
        return any(self._waiting.named(token) is not None for token in want.tokens)

    def _place(self, want: Want, action: Action) -> int | None:
        """The place of what is wanted; None if it needs no waiting for."""
        for token in want.tokens:
            if token in self._places:
                return self._places[token]
        if any(self._waiting.named(token) is not None for token in want.tokens):
            raise _MissingError
        token = want.tokens[0]
        if token.of == "id" and token.text in self._background.steps:
            if want.kind is EdgeKind.DEPENDS_ON and not self._background.steps[token.text]:
                message = f"{want.told}, which did not complete in an earlier iteration"
                raise RefusedError(message)
        elif token.of != "key" or token.text not in self._background.names.known:
            raise _MissingError
        self._borrowed[token] = action.id
        return None

    def _check_source(self, place: int) -> None:
        source = self._actions[place]
        if source.mode is ActionMode.FIRE_AND_FORGET:
            message = (
                f"it waits for '{source.name}', which is fire_and_forget:"
                " nothing may depend on it or refer to its output"
            )
            raise RefusedError(message)

    def _admit(self, held: Held) -> Admitted:
        number, barrier, waits = len(self._actions), self._barrier, held.waits
        # Invariant: whatever joined after the last barrier waits for it already.
        if barrier is not None and all(place < barrier for place in waits):
            waits[barrier] = EdgeKind.BARRIER
        action = held.action
        name = action.id
        for token in tokens_of(action):
            self._places.setdefault(token, number)
        self._provided.graph.index[name] = number
        unique = unused_id(name, self._used)
        self._used.add(unique)
        if unique != name:
            action = action.model_copy(update={"id": unique})
        self._actions.append(action)
        if action.mode is ActionMode.SYNC:
            self._barrier = number
        return Admitted(
            number=number,
            action=action,
            name=name,
            written=held.written,
            waits=tuple(waits.items()),
        )


def _id_in(value: object) -> str:
    return str(cast("Mapping[str, Any]", value).get("id"))
