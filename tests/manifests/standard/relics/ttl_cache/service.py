import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENTRIES = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def given(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")

    def do_GET(self):
        if self.path.startswith("/entries/"):
            value, until = ENTRIES.get(self.path.rpartition("/")[2], (None, 0))
            fresh = until > time.monotonic()
            self.answer({"hit": fresh, "value": value if fresh else None})
        else:
            self.answer({"entries": len(ENTRIES)})

    def do_PUT(self):
        given = self.given()
        until = time.monotonic() + given.get("ttl", 3600)
        ENTRIES[self.path.rpartition("/")[2]] = (given["value"], until)
        self.answer({"success": True})

    def do_POST(self):
        self.given()
        old = [key for key, (_, until) in ENTRIES.items() if until <= time.monotonic()]
        for key in old:
            del ENTRIES[key]
        self.answer({"success": True, "removed": len(old)})


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
