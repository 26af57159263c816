"""The store as its manifest describes it; existing ones are written with FastAPI."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

VALUES = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def given(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")

    def do_GET(self):
        _, route, *key = map(unquote, self.path.split("/"))
        if route == "health":
            self.answer({"status": "healthy"})
        elif route == "keys":
            self.answer({"success": True, "keys": sorted(VALUES)})
        elif route == "get" and key[0] in VALUES:
            self.answer({"success": True, "value": VALUES[key[0]]})
        else:
            self.answer({"success": False, "value": None})

    def do_POST(self):
        given = self.given()
        VALUES[given["key"]] = given["value"]
        self.answer({"success": True})

    def do_DELETE(self):
        key = unquote(self.path.rpartition("/")[2])
        self.answer({"success": VALUES.pop(key, None) is not None})


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
