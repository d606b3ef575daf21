"""Runs in a process of its own: what promptflow makes of prompts. Requests on stdin, answers to the file named.

A request is {"path", "values"} for a prompty, or {"text", "values"} for a bare template.
"""

import json
import os
import sys
from pathlib import Path


def answer(request):
    from promptflow.core import Prompty
    from promptflow.core._connection import OpenAIConnection
    from promptflow.core._prompty_utils import convert_prompt_template, prepare_open_ai_request_params

    if "text" in request:
        return {"messages": convert_prompt_template(request["text"], request["values"], "chat")}
    path = Path(request["path"])
    os.chdir(path.parent)
    prompty = Prompty.load(source=path)
    inputs = prompty._resolve_inputs(request["values"])
    messages = convert_prompt_template(prompty._template, inputs, prompty._model.api)
    parameters = prepare_open_ai_request_params(prompty._model, messages, OpenAIConnection(api_key="-"))
    parameters.pop("messages")
    return {
        "messages": messages,
        "parameters": parameters,
        "name": prompty._name,
        "inputs": {name: "default" in value for name, value in prompty._get_input_signature().items()},
    }


def main():
    answers = []
    for request in json.load(sys.stdin):
        try:
            answers.append(answer(request))
        except Exception as error:  # noqa: BLE001  # whatever promptflow raises is its answer
            answers.append({"error": f"{type(error).__name__}: {error}"})
    Path(sys.argv[1]).write_text(json.dumps(answers, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
