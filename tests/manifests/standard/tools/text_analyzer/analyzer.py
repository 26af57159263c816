import json
import re
import sys
from collections import Counter

import words

given = json.load(sys.stdin)
sys.stderr.write("reading\n")
found = words.of(given["text"])
json.dump(
    {
        "success": True,
        "words": len(found),
        "sentences": len(re.findall(r"[.!?]+", given["text"])),
        "frequent": [word for word, _ in Counter(found).most_common(given["top"])],
        "note": None,
    },
    sys.stdout,
)
