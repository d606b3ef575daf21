"""One worker of the embedded model: a process with llama.cpp's own server, one slot, one thread.

The settings are those under which equal requests gave equal bits, over repeats, order, concurrency and restarts; with
several slots or the prompt cache on they don't. It is a process because the native server can't be stopped with
a request in flight, and heeds no Ctrl-C; killing the process takes milliseconds.
"""

from __future__ import annotations

import sys
from typing import Any

from plimsoll.workers.child import serve

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Plain ChatML. The template inside the weights adds a system prompt of its own, which ruins the answers."""
CONTEXT = 2048
"""Tokens of prompt and answer together."""


class Server:
    """The native server, opened while the worker gets ready."""

    def __init__(self, path: str, alias: str) -> None:
        self._path = path
        self._alias = alias
        self._server: Any = None

    def open(self) -> None:
        """Load the weights and listen on a free port of loopback."""
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = self._path
        # A set of names: a plain string would be taken for its letters.
        params.model_alias = {self._alias}
        params.n_parallel = 1
        params.n_ctx = CONTEXT
        params.cache_prompt = False
        params.cpuparams.n_threads = 1
        params.cpuparams_batch.n_threads = 1
        params.n_gpu_layers = 0
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.offline = True
        params.ui = False
        params.verbosity = -1
        params.chat_template = CHAT_TEMPLATE
        self._server = xllamacpp.Server(params)

    async def address(self, _params: Any) -> str:
        """Where it listens."""
        return str(self._server.listening_address)


def main(path: str, alias: str) -> None:
    """Serve until the parent is gone."""
    server = Server(path, alias)
    serve({"address": server.address}, prepare=server.open)


if __name__ == "__main__":
    main(*sys.argv[1:])
