"""Sign a message with a key (HMAC-SHA256), or check a signature of it.

Prints `{signature, holds, said}`; `holds` is null where there is no signature to check. `said` tells
the key, which no tool should do: it shows that cortex lets nobody see it.
"""

import hmac
import json
import sys


def main() -> None:
    """Answer one call: parameters in, output out."""
    given = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    key, message = given["key"].encode(), given["message"].encode()
    signature = hmac.new(key, message, "sha256").hexdigest()
    claimed = given.get("signature")
    holds = None if claimed is None else hmac.compare_digest(signature, claimed)
    said = f"signed with {given['key']}"
    json.dump({"signature": signature, "holds": holds, "said": said}, sys.stdout)


if __name__ == "__main__":
    main()
