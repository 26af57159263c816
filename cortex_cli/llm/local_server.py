"""The process of a local model: llama.cpp behind an address of this machine only.

Run as a file, without the packages of cortex. It reads one line of JSON from standard input
(`path`, `name`, `key`, `context`, `threads`) and writes one, with the `address` of a server that
speaks the OpenAI API, or an `error`. It ends when standard input does, so with whoever started it.
"""

import importlib
import json
import os
import sys
import types
from functools import partial
from typing import Any, TextIO


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    # What the library prints is nobody's to read.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.excepthook = partial(_tell_error, answers)
    server = _serve(json.loads(sys.stdin.readline()))
    _tell(answers, {"address": server.listening_address})
    while os.read(0, 4096):
        pass
    # At once: the threads of the library may be in the middle of an answer.
    os._exit(0)


def _serve(asked: dict[str, Any]) -> Any:
    library: Any = importlib.import_module("xllamacpp")
    params = library.CommonParams()
    params.model.path = asked["path"]
    params.model_alias = {asked["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [asked["key"]]
    params.n_ctx = asked["context"]
    params.n_parallel = 1
    params.cpuparams.n_threads = asked["threads"]
    params.cpuparams_batch.n_threads = asked["threads"]
    params.n_threads_http = 4
    params.verbosity = 0
    params.warmup = False
    params.ui = False
    params.offline = True
    return library.Server(params)


def _tell(answers: TextIO, answer: dict[str, str]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _tell_error(
    answers: TextIO,
    kind: type[BaseException],
    error: BaseException,
    _traceback: types.TracebackType | None,
) -> None:
    _tell(answers, {"error": f"{kind.__name__}: {error}"})


if __name__ == "__main__":
    main()
