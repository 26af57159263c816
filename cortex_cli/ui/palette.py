"""The colours of pictures, for a white page; apart in lightness too, for those who see no colour."""

from collections.abc import Mapping
from dataclasses import dataclass

from cortex_cli.kinds import ActionType


@dataclass(frozen=True, slots=True)
class Shade:
    """How a type is filled and bordered."""

    fill: str
    border: str


INK = "#1f2933"
QUIET = "#52606d"
LINE = "#7b8794"
CRITICAL = "#c2410c"

SHADES: Mapping[ActionType, Shade] = {
    ActionType.TOOL: Shade("#e6f0fa", "#3b78b5"),
    ActionType.AGENT: Shade("#efe7fa", "#7b52ab"),
    ActionType.RELIC: Shade("#e6f4e1", "#4d8a37"),
    ActionType.WORKFLOW: Shade("#dff3f1", "#1f857b"),
    ActionType.LLM: Shade("#fff2d6", "#b7791f"),
    ActionType.DECISION: Shade("#fce4ec", "#b83260"),
    ActionType.INTERNAL: Shade("#f0f2f4", "#7b8794"),
}
