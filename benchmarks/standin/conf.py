"""The stand-in's nginx configuration, written for one port, one latency and one mix of faults."""

import json
from collections.abc import Mapping
from pathlib import Path

MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")

# What a fault does to a request, as the body of the location that it is sent to.
FAULTS = {
    "429": 'add_header Retry-After {retry_after} always; default_type application/json; return 429 \'{{"error":'
    '{{"message":"slow down","type":"rate_limit","code":"rate_limit_exceeded"}}}}\';',
    "500": 'default_type application/json; return 500 \'{{"error":{{"message":"broken","type":"server_error"}}}}\';',
    "503": 'default_type application/json; return 503 \'{{"error":{{"message":"overloaded","type":"server_error"}}}}\';',
    "cut": "return 444;",  # the connection is closed without an answer
    "hang": "echo_sleep 600;",
    "invalid": "default_type application/json; return 200 '{{\"id\":';",
}

TEMPLATE = """\
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/nginx.pid;
load_module {module};
events {{ worker_connections 8192; }}
http {{
  # One line an answer: when it ended (s, to the ms), how long it took (s), the status, the path.
  log_format lean '$msec $request_time $status $request_uri';
  access_log {folder}/access.log lean;
  keepalive_requests 1000000000; keepalive_timeout 600; client_body_buffer_size 1m; client_max_body_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  split_clients $request_id $fault {{
{shares}    * '';
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /barrier {{ access_log off; return 204; }}
    location = /v1/models {{ default_type application/json; return 200 '{models}'; }}
    location = /v1/chat/completions {{
{routes}      default_type application/json; {sleep}echo '{completion}';
    }}
{faults}  }}
}}
"""


def written(
    folder: Path, port: int, *, latency: float, answer: str, faults: Mapping[str, float], retry_after: int
) -> str:
    """The configuration; a fault's share is of all requests, drawn for each by nginx's own request id."""
    if unknown := set(faults) - set(FAULTS):
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    return TEMPLATE.format(
        folder=folder,
        module=MODULE,
        port=port,
        shares="".join(f"    {share:.2%} {name};\n" for name, share in faults.items() if share),
        routes="".join(f"      if ($fault = {name}) {{ rewrite ^ /fault/{name} last; }}\n" for name in faults),
        faults="".join(
            f"    location = /fault/{name} {{ internal; {FAULTS[name].format(retry_after=retry_after)} }}\n"
            for name in faults
        ),
        sleep=f"echo_sleep {latency:.3f}; " if latency else "",
        models=json.dumps({"object": "list", "data": [{"id": "stand-in", "object": "model"}]}),
        completion=completion(answer),
    )


def completion(answer: str) -> str:
    """The body of every answer, as the chat completions API gives it."""
    if set("'$\\") & set(answer):
        raise ValueError("an answer can't have ', $ or \\ in it: nginx would read them")
    return json.dumps(
        {
            "id": "chatcmpl-standin",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "stand-in",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
        },
        ensure_ascii=False,
    )
