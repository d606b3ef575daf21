"""The stand-in's nginx configuration, written for one port and one latency."""

from __future__ import annotations

import json
from pathlib import Path

MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
"""Where Debian puts the echo module."""
ANSWER = "The answer is Paris."

# One process without a master; every file it writes is in its own folder; a connection is kept for as long as it is
# wanted. A line of the log: when the answer ended (s, to the ms), how long it took (s), its status, the path.
_TEMPLATE = """\
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/nginx.pid;
load_module {module};
events {{ worker_connections 8192; }}
http {{
  log_format lean '$msec $request_time $status $request_uri';
  access_log {folder}/access.log lean;
  keepalive_requests 1000000000; keepalive_timeout 600; client_body_buffer_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location = /barrier {{ access_log off; return 204; }}
    location = /v1/models {{ return 200 '{models}'; }}
    location = /v1/chat/completions {{ {sleep}echo '{completion}'; }}
  }}
}}
"""


def written(folder: Path, port: int, latency: float) -> str:
    """The configuration of an nginx whose files are all in `folder`.

    Args:
        folder: Its own.
        port: On loopback.
        latency: Seconds from a request to its answer, to the millisecond.
    """
    return _TEMPLATE.format(
        folder=folder,
        module=MODULE,
        port=port,
        models=json.dumps({"object": "list", "data": [{"id": "stand-in", "object": "model"}]}),
        sleep=f"echo_sleep {latency:.3f}; " if latency else "",
        completion=_completion(),
    )


def _completion() -> str:
    """The body of every answer, as the chat completions API gives it."""
    return json.dumps(
        {
            "id": "chatcmpl-standin",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "stand-in",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
        }
    )
