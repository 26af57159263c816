"""A server without the SDK, which behaves as its first argument says. It starts quickly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

how = sys.argv[1]


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def listing(cursor: str | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if how == "bad-schema":
        schema["properties"] = {"x": {"type": "no such type"}}
    if how == "no-schema":
        schema = {"type": "array"}
    if how == "far-schema":
        schema["$ref"] = "http://127.0.0.1:9/schema.json"
    if how == "pages":
        page = int(cursor or 0)
        tools = [{"name": f"t{page}", "inputSchema": schema}]
        return {"tools": tools, **({} if page == 2 else {"nextCursor": str(page + 1)})}
    return {"tools": [{"name": "t", "inputSchema": schema}]}


def call() -> dict[str, Any]:
    if how == "huge-line":
        sys.stdout.write("x" * 20_000_000)
        sys.stdout.flush()
    if how == "large":
        return {"content": [{"type": "text", "text": "x" * 5_000_000}]}
    if how == "large-structure":
        return {"content": [], "structuredContent": {"x": "y" * 5_000_000}}
    if how == "close":
        os.close(1)
        time.sleep(60)
    if how == "says-secret":
        sys.stderr.write(f"the key is {os.environ['KEY']}\n")
        sys.stderr.flush()
        os._exit(2)
    if how == "show":
        text = f"{os.getpid()} {os.environ.get('KEY')}"
        return {"content": [{"type": "text", "text": text}]}
    if how == "nonsense":
        return {"content": "?"}
    return {"content": [{"type": "text", "text": "ok"}]}


def answer(request: dict[str, Any]) -> None:
    method, number = request["method"], request.get("id")
    if how == "unwilling":
        send({"id": number, "error": {"code": -32000, "message": "no licence was found"}})
    elif method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "odd", "version": "1"}
        caps: dict[str, Any] = {"tools": {}}
        result = {"protocolVersion": version, "capabilities": caps, "serverInfo": info}
        send({"id": number, "result": result})
    elif method == "tools/list":
        send({"id": number, "result": listing((request.get("params") or {}).get("cursor"))})
    elif method == "tools/call" and how == "refuses":
        send({"id": number, "error": {"code": int(sys.argv[2]), "message": "not today"}})
    elif method == "tools/call":
        send({"id": number, "result": call()})
    elif number is not None:
        send({"id": number, "error": {"code": -32601, "message": "no such method"}})


if name := os.environ.get("ODD_FILE"):
    with Path(name).open("a") as file:
        file.write(f"{os.getpid()}\n")
if how == "dies":
    sys.exit("cannot find my settings")
if how == "silent":
    time.sleep(60)
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    subprocess.Popen(sleeper, start_new_session=True)
if how == "chatty":
    sys.stdout.write("Welcome to my server!\n\n{not json}\n")
    sys.stdout.flush()
for line in sys.stdin:
    answer(json.loads(line))
while how == "stubborn":
    time.sleep(1)
