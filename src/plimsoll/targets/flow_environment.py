"""The environment that a flow's worker runs in: ours, with promptflow kept quiet and every model address the gateway's.

The rest passes through (proxies, CAs, what the flow reads for itself), so the values that look like secrets are known
and kept out of every text that comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from plimsoll.targets.flow_connections import Endpoint

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_SECRET_LENGTH = 8
"""A shorter value is a word of the language more often than a key."""
_LOCAL = "127.0.0.1,localhost"
_ELSEWHERE = (
    "OPENAI_ORG_ID",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT_ID",
    "OPENAI_API_TYPE",
    "AZURE_OPENAI_AD_TOKEN",
    "PROMPTFLOW_CONNECTIONS",
    "PF_CONNECTION_PROVIDER",
    "PROMPTFLOW_CONNECTION_PROVIDER_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
)
"""Would lead around the suite's models, or send what the flow does to somebody."""


def worker_environment(environ: Mapping[str, str], home: Path, model: Endpoint | None) -> dict[str, str]:
    """The worker's whole environment.

    Args:
        environ: The workspace's, with what the target adds.
        home: A folder for promptflow alone, with its `pf.yaml`.
        model: The target's model for flows that read the environment; None leaves the variables as they are.
    """
    return {
        **model_environment(environ, model),
        "PF_HOME_DIRECTORY": str(home),
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        # Its own tracing would only count tokens, which the gateway does better.
        "PF_DISABLE_TRACING": "true",
        "PF_LOGGING_LEVEL": "ERROR",
    }


def model_environment(environ: Mapping[str, str], model: Endpoint | None) -> dict[str, str]:
    """An environment in which clients of OpenAI and Azure OpenAI reach the suite's model and nothing else.

    Args:
        environ: What else is in it.
        model: Where the model is; None leaves its variables as they are.
    """
    found = {name: value for name, value in environ.items() if name not in _ELSEWHERE}
    # A proxy would look for the gateway on its own loopback.
    found |= {"NO_PROXY": _without_proxy(environ), "no_proxy": _without_proxy(environ)}
    if model is not None:
        found |= {
            "OPENAI_API_KEY": model.key,
            "OPENAI_BASE_URL": model.openai_url,
            "OPENAI_API_BASE": model.openai_url,
            "OPENAI_API_VERSION": model.api_version,
            "AZURE_OPENAI_API_KEY": model.key,
            "AZURE_OPENAI_ENDPOINT": model.azure_url,
            "AZURE_OPENAI_API_BASE": model.azure_url,
            "AZURE_OPENAI_API_VERSION": model.api_version,
        }
    return found


def secret_values(environ: Mapping[str, str]) -> Iterator[str]:
    """Values of variables that are named like secrets."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SECRET_LENGTH:
            yield value


def _without_proxy(environ: Mapping[str, str]) -> str:
    given = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return f"{given},{_LOCAL}" if given else _LOCAL
