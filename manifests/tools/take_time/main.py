"""Take a given time, with a progress event for each tenth of it. Output: the value given."""

import json
import sys
import time

_STEPS = 10


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    for step in range(1, _STEPS + 1):
        time.sleep(parameters["seconds"] / _STEPS)
        sys.stderr.write(json.dumps({"progress": step / _STEPS}) + "\n")
        sys.stderr.flush()
    json.dump(parameters.get("value", "done"), sys.stdout)


if __name__ == "__main__":
    main()
