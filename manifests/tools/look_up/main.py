"""Gives `{thing, measure, value, unit}` from facts.json, or `{thing, found: false, known}`.

The values are rounded, as encyclopedias give them; rivers and deserts have no exact size.
"""

import difflib
import json
import sys
from pathlib import Path

FACTS = json.loads(Path(__file__).with_name("facts.json").read_text("utf-8"))


def look_up(thing: str) -> dict[str, object]:
    """What the table says of a thing; of one that it doesn't have, which are called alike."""
    names = {name.lower(): name for name in FACTS}
    wanted = thing.strip().lower().removeprefix("the ").removesuffix(" river")
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.8)
    if not near:
        nearest = difflib.get_close_matches(wanted, names, n=3, cutoff=0.4)
        return {"thing": thing, "found": False, "known": [names[name] for name in nearest]}
    name = names[near[0]]
    return {"thing": name, **FACTS[name]}


if __name__ == "__main__":
    json.dump(look_up(str(json.loads(sys.argv[1])["thing"])), sys.stdout)
