"""What a run's prompts have to be in the prompt registry: read from the bundles that ran."""

from __future__ import annotations

from collections.abc import Mapping

from plimsoll.api.git import subject_of
from plimsoll.api.prepare import Prepared
from plimsoll.api.targets import TargetSpec
from plimsoll.registry import prompt_draft
from plimsoll.runs.plan import Plan
from plimsoll.tracking import PromptDraft


def prompt_drafts(prepared: Prepared, plan: Plan, specs: Mapping[str, TargetSpec]) -> dict[str, PromptDraft]:
    """Target → what the version of its prompt has to be; none for what is no prompt or can't be bundled."""
    root = prepared.workspace.root
    commit = f"{plan.git_commit or ''}{'-dirty' if plan.git_dirty else ''}"
    message = subject_of(root, plan.git_commit) if plan.git_commit else ""
    drafts = {}
    for name, spec in specs.items():
        if spec.bundle is None or name not in plan.targets:
            continue
        # What an alias or a git ref names was not made by the commit that the workspace stands at.
        own = spec.root == root
        draft = prompt_draft(
            plan.suite, name, spec.bundle, commit=commit if own else "", message=message if own else ""
        )
        if draft is not None:
            drafts[name] = draft
    return drafts
