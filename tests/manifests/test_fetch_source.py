"""`fetch_source` reads files, URLs and feeds, and says plainly what it can't read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "manifests" / "corpus"


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/latin1":
            self._answer(200, "café".encode("latin-1"), "text/plain; charset=iso-8859-1")
        elif self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        else:
            self._answer(404, b"no", "text/plain")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_file_is_read_as_it_is(page):
    content = (CORPUS / "agent_loops.html").read_bytes()
    assert page["text"] == content.decode()
    assert (page["media_type"], page["bytes"]) == ("text/html", len(content))


def test_a_url_is_decoded_by_its_own_charset(call_tool, server):
    answer = call_tool("fetch_source", source=f"{server}/latin1")
    assert answer.output["text"] == "café"
    assert answer.output["media_type"] == "text/plain"


def test_a_redirect_is_followed_to_http(call_tool, server):
    assert call_tool("fetch_source", source=f"{server}/to//latin1").output["text"] == "café"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("nowhere.html", "no such file"),
        (".", "not a file"),
        ("file:///etc/passwd", "only http and https"),
        ("http://[", "can't be fetched"),
    ],
)
def test_a_source_that_cannot_be_read_is_a_clear_failure(call_tool, source, error):
    answer = call_tool("fetch_source", source=source)
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    assert answer.error.startswith(f"{source}: {error}")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/missing", "the server answered 404"),
        ("/to/file:///etc/passwd", "the server answered 302"),
        ("/to/ftp://127.0.0.1/x", "can't be fetched: unknown url type: ftp"),
    ],
)
def test_a_url_that_leads_nowhere_is_a_clear_failure(call_tool, server, path, error):
    answer = call_tool("fetch_source", source=server + path)
    assert answer.exit_code == 1
    assert error in answer.error


def test_a_long_document_is_refused(call_tool):
    answer = call_tool("fetch_source", cwd=CORPUS, source="agent_loops.html", max_bytes=1000)
    assert answer.error == "agent_loops.html: is longer than 1,000 bytes"


def test_a_declared_charset_a_byte_order_mark_and_neither_are_understood(call_tool, tmp_path):
    texts = {
        "declared.html": '<meta charset="iso-8859-2"><p>Łódź'.encode("iso-8859-2"),
        "marked.txt": "Łódź".encode("utf-16"),
        "neither.txt": "naïve".encode("cp1252"),
    }
    for name, content in texts.items():
        (tmp_path / name).write_bytes(content)
    found = [call_tool("fetch_source", cwd=tmp_path, source=name).output["text"] for name in texts]
    assert found == ['<meta charset="iso-8859-2"><p>Łódź', "Łódź", "naïve"]


def test_binary_content_is_not_text(call_tool, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\x7fELF\0\0")
    assert call_tool("fetch_source", cwd=tmp_path, source="x.bin").error == "x.bin: is not text"


def test_an_atom_feed_gives_its_entries(papers):
    first = papers["entries"][0]
    assert len(papers["entries"]) == 6
    assert first["title"] == "Plans as Graphs: Letting Language Models Write Their Dependencies"
    assert first["authors"] == ["Ines Hallow", "Tobias Verne"]
    assert (first["link"], first["published"]) == (
        "https://papers.example/abs/0001v1",
        "2026-01-12",
    )


def test_an_rss_feed_gives_its_entries_without_markup(news):
    first = news["entries"][0]
    assert news["title"] == "Loop & Graph, sample news (invented)"
    assert (first["authors"], first["published"]) == (["Maud Ferris"], "2026-02-16")
    assert "<p>" not in first["summary"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("plainly no feed", "not well-formed XML"),
        ("<html><body/></html>", "neither Atom nor RSS: its root is <html>"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><rss/>', "declares XML entities"),
    ],
)
def test_what_is_no_feed_is_a_clear_failure(call_tool, tmp_path, text, error):
    (tmp_path / "feed.xml").write_text(text)
    answer = call_tool("fetch_source", cwd=tmp_path, source="feed.xml", as_feed=True)
    assert answer.exit_code == 1
    assert error in answer.error
