"""Fail until a given attempt. Output: `{attempt}`, the one that succeeded.

cortex tells each process in CORTEX_ATTEMPT which attempt it is, from 1 on.
"""

import json
import os
import sys


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    attempt = int(os.environ.get("CORTEX_ATTEMPT", "1"))
    succeeds_on = parameters.get("succeeds_on", 0)
    if not 0 < succeeds_on <= attempt:
        sys.exit(f"attempt {attempt} found nobody at home")
    json.dump({"attempt": attempt}, sys.stdout)


if __name__ == "__main__":
    main()
