"""The secrets of a session: each read once, when a run first needs it, and known to the masker."""

from collections.abc import Mapping, Sequence
from typing import Self

from cortex_cli.engine.masking import Masker
from cortex_cli.engine.spellings import SHORTEST
from cortex_cli.errors import SetupError
from cortex_cli.manifest.program import Program, Target
from cortex_cli.protocol.sealed import MASK, Sealed
from cortex_cli.session.secret_needs import Need, needs_of, owners_in
from cortex_cli.session.secret_sources import MOST_BYTES, read_secret, refusal


class Vault:
    """The secrets that are needed; `masker` is None where there are none."""

    def __init__(self, needs: Sequence[Need], ambient: Mapping[str, str]) -> None:
        """Nothing is read yet; `ambient` is the process environment."""
        self.masker = Masker() if needs else None
        self._ambient = ambient
        self._unread = list(needs)
        self._shelves: dict[Target, dict[str, Sealed]] = {}

    @classmethod
    def of(cls, program: Program, ambient: Mapping[str, str]) -> Self:
        """The vault of all that a program reaches."""
        needs = [need for owner in owners_in(program) for need in needs_of(owner)]
        return cls(needs, ambient)

    def shelf(self, owner: Target) -> dict[str, Sealed]:
        """The secrets of one manifest by their names; filled by `open`."""
        return self._shelves.setdefault(owner, {})

    async def open(self) -> None:
        """Read what has not been read yet; SetupError that names all that cannot be."""
        troubles: dict[Need, SetupError] = {}
        for need in self._unread:
            try:
                value = await read_secret(need, self._ambient)
                _check(need, value)
            except SetupError as error:
                troubles[need] = error
            else:
                self._put(need, value)
        self._unread = list(troubles)
        if len(troubles) == 1:
            raise next(iter(troubles.values()))
        if troubles:
            raise SetupError("\n".join(map(str, troubles.values())))

    def pretend(self) -> None:
        """Have every secret be what stands in its place: a replay needs no more, and reads none."""
        for need in self._unread:
            self.shelf(need.owner)[need.name] = Sealed(MASK, MASK)
        self._unread = []

    def _put(self, need: Need, value: str) -> None:
        assert self.masker is not None, "there is a masker where something is needed"
        self.masker.learn([value])
        self.shelf(need.owner)[need.name] = Sealed(MASK, value)


def _check(need: Need, value: str) -> None:
    if len(value) < SHORTEST:
        size = f"has {len(value)} characters" if value else "is empty"
        why = f"{size}: fewer than {SHORTEST} cannot be told from other text"
        raise refusal(need, why, "use a longer one, or an input if it is no secret")
    if len(value) > MOST_BYTES:
        why = f"is longer than {MOST_BYTES:,} characters"
        raise refusal(need, why, "give the tool the path of a file instead")
