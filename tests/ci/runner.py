"""A composite action's steps run as the shell commands that they are, in an environment like GitHub's.

Steps that use another action are not run: which of them would be is told. Expressions are those that our own action
uses: names, literals, comparisons, and, or.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def load(path: str) -> Any:
    """A YAML file of the repository."""
    return YAML(typ="safe").load(ROOT / path)


@dataclass
class Job:
    """What a job knows, and what has become of it."""

    folder: Path
    """The checkout."""
    environ: Mapping[str, str]
    """The runner's variables, `GITHUB_*` among them."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    github: Mapping[str, Any] = field(default_factory=dict)
    """The context of that name."""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""
    used: list[str] = field(default_factory=list)
    """Names of the steps that other actions would have taken."""
    code: int = 0

    @property
    def summary(self) -> str:
        """The job's summary."""
        path = self.folder.parent / "summary"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def filled(self, text: str) -> str:
        """A text with its expressions evaluated."""
        return _EXPRESSION.sub(lambda found: self.value(found[1]), text)

    def value(self, expression: str) -> str:
        """An expression's value as the text that it becomes."""
        text = expression.strip()
        for sign, combine in (("||", any), ("&&", all)):
            parts = text.split(f" {sign} ")
            if len(parts) > 1:
                values = [self.value(part) for part in parts]
                truths = [value not in ("", "false") for value in values]
                chosen = next((v for v, true in zip(values, truths, strict=True) if true == (sign == "||")), values[-1])
                return chosen if sign == "||" else ("true" if combine(truths) else "false")
        for sign in ("==", "!="):
            left, found, right = text.partition(f" {sign} ")
            if found:
                return str((self.value(left) == self.value(right)) == (sign == "==")).lower()
        if text.startswith("'"):
            return text.strip("'")
        if text.startswith("hashFiles("):
            return "hash"
        return self._named(text.split("."))

    def _named(self, path: list[str]) -> str:
        if path[0] == "inputs":
            return self.inputs[path[1]]
        if path[0] == "steps":
            return self.outputs.get(path[1], {}).get(path[3], "")
        found: Any = {"github": self.github, "runner": {"os": "Linux"}}[path[0]]
        for name in path[1:]:
            found = (found or {}).get(name, "") if isinstance(found, Mapping) else ""
        return str(found)


def run_action(action: Mapping[str, Any], job: Job, **given: str) -> Job:
    """Run every step whose condition holds, up to the first that fails; the job's code is that one's."""
    defaults = {name: job.filled(str(declared.get("default", ""))) for name, declared in action["inputs"].items()}
    assert set(given) <= set(defaults), "an input that is not declared"
    job.inputs = {**defaults, **given}
    for step in action["runs"]["steps"]:
        if "if" in step and job.value(step["if"]) != "true":
            continue
        if "uses" in step:
            job.used.append(step["name"])
            continue
        job.code = _run(step, job)
        if job.code:
            break
    return job


def _run(step: Mapping[str, Any], job: Job) -> int:
    output, script = job.folder.parent / "output", job.folder.parent / "script.sh"
    output.write_text("")
    script.write_text(step["run"])
    own = {name: job.filled(str(value)) for name, value in step.get("env", {}).items()}
    files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(job.folder.parent / "summary")}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=job.folder / job.filled(step.get("working-directory", ".")),
        env={**job.environ, **files, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=180,
    )
    job.log += f"### {step['name']}\n{done.stdout}"
    told = (line.partition("=") for line in output.read_text().splitlines())
    job.outputs[step.get("id", step["name"])] = {name: value for name, _, value in told}
    return done.returncode


def plain_environment(**more: str) -> dict[str, str]:
    """This process's, without what a CI system or a user's keys would add, and with our commands first."""
    import sys

    drop = re.compile(r"^(GITHUB_|CI|GITLAB_|SYSTEM_|BUILD_|TF_BUILD|PLIMSOLL_|MLFLOW_|OPENAI_|PYTEST_|GIT_)")
    kept = {name: value for name, value in os.environ.items() if not drop.match(name)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **more}
