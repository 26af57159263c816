"""A report in a real browser: Chromium without a window, where it is installed."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.ui.html_page import html_page
from cortex_cli.ui.run_story import tell
from tests.ui.past_runs import ABOUT, NAUGHTY, build, hostile, naughty_runs, study
from tests.ui.script import Script, planned

PROGRAM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="needs chromium"),
    pytest.mark.timeout(180),
]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--allow-file-access-from-files",
    "--dump-dom",
]
LEAK = "leak.example"
# Shows the report in a frame as wide as a screen, then writes down what it has measured.
HARNESS = """<!DOCTYPE html><body><iframe width="{width}" height="800" src="{name}"></iframe>
<output></output><script>
window.onload = function () {{
  var inside = document.querySelector('iframe'), page = inside.contentDocument;
  var out = {{}}, all = page.querySelectorAll('details');
  for (var i = 0; i < all.length; i++) all[i].open = {opened};
  out.width = inside.contentWindow.innerWidth;
  out.needs = page.documentElement.scrollWidth;
  out.room = page.documentElement.clientWidth;
  out.title = page.title;
  out.scripts = page.scripts.length;
  out.images = page.images.length;
  out.owned = String(inside.contentWindow.owned) + String(window.owned);
  var search = page.querySelector('input[type=search]');
  if (search) {{
    search.value = 'lint';
    search.dispatchEvent(new Event('input'));
    out.filtered = page.querySelectorAll('.row:not([hidden])').length;
  }}
  document.querySelector('output').textContent = JSON.stringify(out);
}};
</script>"""


def browsed(folder: Path, page: Path, *flags: str) -> tuple[str, str]:
    """The page's elements once it has loaded, and what the browser has logged."""
    assert PROGRAM is not None
    profile = folder / "profile"
    ended = subprocess.run(
        [PROGRAM, *FLAGS, *flags, f"--user-data-dir={profile}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return ended.stdout, ended.stderr


def written(folder: Path, script: Script) -> Path:
    page = folder / "report.html"
    page.write_text(html_page(tell(script.events), ABOUT, UTC), encoding="utf-8")
    return page


def measured(
    folder: Path, page: Path, width: int, *, opened: bool = True
) -> tuple[dict[str, Any], str]:
    """What the harness has found, and what the browser has logged."""
    harness = folder / "harness.html"
    shown = HARNESS.format(width=width, name=page.name, opened=str(opened).lower())
    harness.write_text(shown, encoding="utf-8")
    dom, log = browsed(folder, harness)
    (found,) = re.findall(r"<output>(.+?)</output>", dom)
    return json.loads(unescape(found)), log


def is_untouched(found: dict[str, Any]) -> bool:
    """Whether nothing in the page has become an element or has run."""
    seen = (found["scripts"], found["images"], found["owned"])
    return seen == (1, 0, "undefinedundefined")


@contextmanager
def listener() -> Generator[socket.socket]:
    """Somebody who would notice a request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def was_called(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def wide() -> Script:
    """Long names without a place to break, long outputs, many actions beside each other."""
    names = [f"{'very_' * 15}long_{number}" for number in range(12)]
    script = Script().start("n" * 200).plan([planned(name) for name in names])
    for name in names:
        script.begin(name, parameters={"k" * 300: "v" * 300}).complete(name, "w" * 3_000)
    return script.end(outputs={"o" * 200: "x" * 2_000})


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("make", [build, study, wide])
def test_nothing_is_wider_than_the_screen_and_nothing_complains(
    tmp_path: Path, width: int, make: Callable[[], Script]
) -> None:
    found, log = measured(tmp_path, written(tmp_path, make()), width)
    assert found["width"] == width
    assert found["needs"] <= found["room"] <= width
    assert "CONSOLE" not in log


def test_the_filter_works(tmp_path: Path) -> None:
    found, _ = measured(tmp_path, written(tmp_path, build()), 800, opened=False)
    assert found["filtered"] == 1


def hostile_strings() -> list[str]:
    address = f"http://{LEAK}/x"
    own = "window.owned=parent.owned=document.title='owned'"
    return [
        f"<script>{own}</script>",
        f'"><img src="{address}" onerror="{own}">',
        f"' onmouseover='{own}' autofocus onfocus='{own}",
        f"</title></style></script><svg onload={own}>",
        f"<iframe src='javascript:{own}'></iframe>",
        f"<link rel=stylesheet href={address}><style>@import '{address}';</style>",
        f"<meta http-equiv=refresh content='0;url={address}'><base href='{address}'>",
        f"javascript:{own}",
        "</pre></details></main></body>",
        "<!--",
        "&lt;script&gt;",
    ]


def test_hostile_texts_execute_and_request_nothing(tmp_path: Path) -> None:
    page = written(tmp_path, hostile(hostile_strings()))
    with listener() as server:
        rule = f"--host-resolver-rules=MAP {LEAK} 127.0.0.1:{server.getsockname()[1]}"
        dom, log = browsed(tmp_path, page, rule)
        assert not was_called(server)
    assert dom.count("<script>") == 1
    assert "<title>owned" not in dom
    assert not re.search(r"<(img|iframe|link|base|svg onload)", dom)
    assert "CONSOLE" not in log
    found, _ = measured(tmp_path, page, 360)
    assert is_untouched(found)


def test_a_page_that_did_request_something_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "careless.html"
    page.write_text(f"<img src='http://{LEAK}/x'>", encoding="utf-8")
    with listener() as server:
        rule = f"--host-resolver-rules=MAP {LEAK} 127.0.0.1:{server.getsockname()[1]}"
        browsed(tmp_path, page, rule, "--timeout=2000")
        assert was_called(server)


def test_even_what_was_not_escaped_would_not_run(tmp_path: Path) -> None:
    page = written(tmp_path, build())
    script = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", f"{script}</main>"))
    dom, log = browsed(tmp_path, page)
    assert "<title>owned" not in dom
    assert "Content Security Policy" in log


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the shared test data are not here")
def test_naughty_strings_break_nothing(tmp_path: Path) -> None:
    for script in list(naughty_runs())[::4]:
        found, log = measured(tmp_path, written(tmp_path, script), 360)
        assert found["needs"] <= found["room"] <= 360
        assert is_untouched(found)
        assert "CONSOLE" not in log
