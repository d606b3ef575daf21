"""What makes a bundle a model that MLflow loads: an `MLmodel` file beside it, and what an environment for it needs.

Written as plain text: no MLflow is needed to promote. There is no signature in it: MLflow would drop every field of a
row that the signature doesn't list (a conversation's messages), and which fields an endpoint or a function reads is
known only to itself.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

from plimsoll.registry.bundle import Bundle
from plimsoll.version import __version__

BUNDLE_FOLDER = "bundle"
LOADER = "plimsoll.api.pyfunc"
"""The module that loads it. Its name is in every version that was ever promoted: it can't be renamed."""
_MODEL = """\
flavors:
  python_function:
    loader_module: {loader}
    data: {folder}
    config:
      digest: {digest}
    env:
      virtualenv: python_env.yaml
    python_version: {python}
metadata:
  plimsoll.digest: {digest}
  plimsoll.kind: {kind}
  plimsoll.version: {plimsoll}
mlflow_version: {mlflow}
"""
_ENVIRONMENT = """\
python: {python}
build_dependencies:
- pip
dependencies:
- -r requirements.txt
"""


def model_files(bundle: Bundle) -> dict[str, bytes]:
    """The files of a version's folder: the bundle, below `BUNDLE_FOLDER`, and what MLflow reads beside it."""
    python, mlflow = platform.python_version(), version("mlflow")
    model = _MODEL.format(
        loader=LOADER,
        folder=BUNDLE_FOLDER,
        digest=bundle.digest,
        kind=bundle.kind,
        python=python,
        plimsoll=__version__,
        mlflow=mlflow,
    )
    texts = {
        "MLmodel": model,
        "python_env.yaml": _ENVIRONMENT.format(python=python),
        "requirements.txt": "".join(f"{line}\n" for line in _requirements(bundle, mlflow)),
    }
    return {
        **{name: text.encode() for name, text in texts.items()},
        **{f"{BUNDLE_FOLDER}/{path}": data for path, data in bundle.written().items()},
    }


def _requirements(bundle: Bundle, mlflow: str) -> Iterator[str]:
    extras = ["promptflow"] if bundle.kind == "flow" else []
    extras += ["embedded"] if any(model.provider == "embedded" for model in bundle.models.values()) else []
    extras += ["azure"] if any(model.auth == "default_credential" for model in bundle.models.values()) else []
    yield f"mlflow=={mlflow}"
    yield f"plimsoll-llm[{','.join(extras)}]=={__version__}" if extras else f"plimsoll-llm=={__version__}"
    # Its own code's: what a flow or a function imports beside us is told nowhere else.
    for path in sorted(bundle.files):
        if path.rpartition("/")[2] == "requirements.txt":
            yield f"-r {BUNDLE_FOLDER}/{path}"
