"""A project whose tools do all they can to let its secrets out."""

import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

TOKEN = 'Tk/9"vQ+x z&7é~Lm'
PEM_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
PEM = f"-----BEGIN PRIVATE KEY-----\n{PEM_LINE}\n{PEM_LINE[::-1]}\n-----END PRIVATE KEY-----"
MADE = "made-by-a-command-4711"
NUMBER = "9182736450"

LEAK = """\
import base64, json, os, sys, time, urllib.parse

given = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
texts = [value for value in given.values() if isinstance(value, str)]
texts += [text.removeprefix("Bearer ") for text in texts]


def spelled(text):
    data = text.encode()
    yield from (text, json.dumps(text), json.dumps(text, ensure_ascii=False))
    yield from (urllib.parse.quote(text), urllib.parse.quote_plus(text))
    for before in (b"", b"x", b"xy", b"user:"):
        yield base64.b64encode(before + data).decode()
        yield base64.urlsafe_b64encode(before + data).decode().rstrip("=")


out = [line for text in texts for line in spelled(text)]
for line in out:
    half = len(line) // 2
    sys.stderr.write(line[:half])
    sys.stderr.flush()
    time.sleep(0.002)
    sys.stderr.write(line[half:] + "\\n")
    sys.stderr.flush()
print(json.dumps({"message": f"at {texts[0]}", "progress": 0.5}), file=sys.stderr)
if given.get("fails"):
    print(json.dumps({"success": False, "error": "x" * 1_980 + " ".join(out)}))
    sys.exit(3)
if given.get("is_long"):
    sys.stdout.write(" ".join(out) * 20_000)
print(json.dumps({"said": out, "env": dict(os.environ), texts[0]: 1, "argv": sys.argv,
                  "number": int(given["number"])}))
"""

PYTHON = """\
import os


def leak(key: str, fails: bool = False) -> dict[str, str]:
    print(key, os.environ["KEY"])
    if fails:
        raise ValueError("no good: " + key)
    return {"key": key, key: "x"}
"""

FILES = {
    "leak.tool.yaml": """\
kind: Tool
name: leak
environment: {variables: {MADE: "${secrets.MADE}"}}
secrets: {MADE: {command: [cat, made.txt]}}
implementation: {type: script, entrypoint: leak.py}
""",
    "leak.py": LEAK,
    "made.txt": f"{MADE}\n\n",
    "py.tool.yaml": """\
kind: Tool
name: py
parameters: [{name: key, type: string, required: true, validation: {min_length: 12}}, {name: fails, type: boolean}]
secrets: {PEM: {file: key.pem}}
environment: {variables: {KEY: "${secrets.PEM}"}}
implementation: {type: python, entrypoint: "py_leak:leak"}
""",
    "py_leak.py": PYTHON,
    "shell.tool.yaml": """\
kind: Tool
name: shell
parameters: [{name: key, type: string}]
implementation: {type: command, shell: true, command: 'printf "%s" "$INPUT_KEY"; printf "%s" "$INPUT_KEY" >&2; env'}
""",
    "argv.tool.yaml": """\
kind: Tool
name: argv
parameters: [{name: key, type: string}]
implementation: {type: command, command: [sleep, "$key"]}
""",
    "http.tool.yaml": """\
kind: Tool
name: http
parameters: [{name: key, type: string}]
secrets: {TOKEN: {env: TEST_TOKEN}}
implementation:
  type: http
  method: POST
  url: http://127.0.0.1:PORT/in/$key
  headers: {X-Key: "Bearer ${secrets.MADE}"}
  query: {key: $key}
  body: {key: $key, token: "${secrets.TOKEN}"}
""".replace("secrets: {TOKEN", "secrets: {MADE: {file: made.txt}, TOKEN"),
    "service.relic.yaml": """\
kind: Relic
name: service
interface:
  type: rest_api
  base_url: http://127.0.0.1:PORT
  endpoints: [{name: put, method: POST, path: "/relic/{id}", parameters: {id: string, v: string}}]
""",
    "store.relic.yaml": "kind: Relic\nname: store\ninterface: {type: embedded, engine: sqlite_kv}\n",
    "nested.agent.yaml": """\
kind: Agent
name: nested
inputs: {key: {type: string, required: true}}
import: {tools: [leak.tool.yaml]}
actions:
  - {id: inner, type: tool, target: leak, parameters: {key: "${inputs.key}", number: "9182736450"}, output_key: x}
outputs: {all: $x, key: "it is ${inputs.key}"}
""",
    "agent.yaml": """\
kind: Agent
name: keeper
secrets:
  TOKEN: {env: TEST_TOKEN}
  PEM: {file: key.pem}
  NUMBER: {file: number.txt}
  UNUSED: {env: NOT_SET_ANYWHERE}
environment: {variables: {VIA: "${secrets.TOKEN}"}}
import:
  tools: [leak.tool.yaml, py.tool.yaml, shell.tool.yaml, argv.tool.yaml, http.tool.yaml]
  relics: [service.relic.yaml, store.relic.yaml]
  agents: [nested.agent.yaml]
actions:
  - id: leak
    type: tool
    target: leak
    parameters: {key: "Bearer ${secrets.TOKEN}", pem: "${secrets.PEM}", number: "${secrets.NUMBER}"}
    env: {EXTRA: "x${secrets.PEM}"}
    output_key: leaked
  - {id: again, type: tool, target: leak, parameters: {key: "${leaked.said}", number: "1"}, on_failure: continue}
  - {id: long, type: tool, target: leak, parameters: {key: "${env.VIA}", is_long: true, number: "1"}}
  - {id: fails, type: tool, target: leak, parameters: {key: "${secrets.TOKEN}", fails: true}, on_failure: continue, retry: {max_attempts: 2, delay_seconds: 0}}
  - {id: forget, type: tool, target: py, mode: fire_and_forget, parameters: {key: "${secrets.TOKEN}", fails: true}}
  - {id: python, type: tool, target: py, parameters: {key: "${secrets.PEM}"}}
  - {id: shell, type: tool, target: shell, parameters: {key: "${secrets.TOKEN}"}}
  - {id: argv, type: tool, target: argv, parameters: {key: "${secrets.TOKEN}"}, on_failure: continue}
  - {id: sent, type: tool, target: http, parameters: {key: "${secrets.TOKEN}"}}
  - {id: not_found, type: tool, target: http, parameters: {key: "404${secrets.TOKEN}"}, on_failure: continue}
  - {id: relic, type: relic, target: service, operation: put, parameters: {id: "${secrets.TOKEN}", v: "${secrets.PEM}"}}
  - {id: kept, type: relic, target: store, operation: set_value, parameters: {key: k, value: ["${secrets.TOKEN}"]}, on_failure: continue}
  - {id: echo, type: relic, target: store, operation: set_value, parameters: {key: k, value: $leaked}}
  - {id: prompt, type: llm, parameters: {prompt: "say ${env.VIA}"}, on_failure: continue}
  - {id: nested, type: agent, target: nested, parameters: {key: "${secrets.TOKEN}"}}
  - {id: each, type: tool, target: leak, for_each: [a, "b"], parameters: {key: "$item ${secrets.TOKEN}", number: "1"}}
  - {id: asked, type: internal, condition: "secrets.TOKEN != 'x' && secrets.NUMBER == '9182736450'", parameters: {v: 1}, output_key: asked}
  - {id: broken, type: internal, condition: "size({'a': 1}[secrets.TOKEN]) > 0", on_failure: continue}
outputs:
  asked: {source: $asked}
  leaked: {source: $leaked}
""",
    "key.pem": f"{PEM}\n",
    "number.txt": NUMBER,
}
"""A `PORT` in them stands for that of a server that echoes what it is sent."""


def write_project(folder: Path, port: int) -> None:
    """Put the files into a folder."""
    for name, text in FILES.items():
        (folder / name).write_text(text.replace("PORT", str(port)), encoding="utf-8")


def forbidden() -> list[bytes]:
    """What must not be found anywhere: each secret in each spelling."""
    found: set[str] = set()
    for secret in (TOKEN, PEM_LINE, PEM_LINE[::-1], MADE, NUMBER):
        written = json.dumps(secret)
        found |= {secret, written[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        found |= {json.dumps(written)[3:-3], quote(secret), quote(secret, safe="")}
        found |= {quote_plus(secret), quote(secret, safe="").replace("%2F", "%2f")}
        data = secret.encode()
        for before in range(3):
            for encode in (b64encode, urlsafe_b64encode):
                core = encode(bytes(before) + data).decode()[(0, 2, 3)[before] :]
                found.add(core.rstrip("=")[:-1])
    return [text.encode() for text in found]
