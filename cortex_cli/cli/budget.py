"""The option `--budget`: what a run may spend, in place of what its manifest says."""

import math
from typing import Annotated

import typer

from cortex_cli.errors import UsageError
from cortex_cli.ids import did_you_mean

BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="tokens=N,cost_usd=X",
        help="What the models may use, in place of the manifest's budget; 'none' lifts it.",
    ),
]

_KINDS = ("tokens", "cost_usd")
_NONE = "none"


def given_budget(options: list[str] | None) -> dict[str, float | None]:
    """The limits by kind, None for one that is lifted; UsageError for what is none."""
    limits: dict[str, float | None] = {}
    for option in options or ():
        for text in option.split(","):
            kind, equals, said = (part.strip() for part in text.partition("="))
            if kind not in _KINDS or not equals:
                message = f"--budget {text!r:.80} is neither tokens=N nor cost_usd=X"
                raise UsageError(message, hint=did_you_mean(kind, _KINDS) or None)
            limits[kind] = None if said == _NONE else _limit(kind, said)
    return limits


def _limit(kind: str, said: str) -> float:
    try:
        limit = float(said.replace("_", ""))
    except ValueError:
        limit = math.nan
    is_whole = kind != "tokens" or limit.is_integer()
    if not (math.isfinite(limit) and limit > 0 and is_whole):
        number = "a whole number above 0" if kind == "tokens" else "a number above 0"
        message = f"--budget {kind}={said:.40}: this is not {number}, nor 'none'"
        raise UsageError(message)
    return limit
