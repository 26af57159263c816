"""A health check that never ends is one that fails."""

from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions import tool_health
from cortex_cli.actions.tool_health import check_tool_health
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ScriptHealthCheck


async def test_a_check_that_hangs_is_ended(
    tmp_path: Path, survivors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_health, "CHECK_SECONDS", 0.2)
    check = ScriptHealthCheck(command="sleep 99")
    with pytest.raises(ActionError, match=r"no end within 0.2 s") as caught:
        await check_tool_health(check, tmp_path, survivors.env)
    assert caught.value.error_type == "unhealthy"
    assert survivors() == []
