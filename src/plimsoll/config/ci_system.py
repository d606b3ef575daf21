"""Which CI system a job runs in, by the variables that the system sets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class CiSystem(StrEnum):
    """Those whose variables are known."""

    GITHUB = "github"
    AZURE = "azure"
    GITLAB = "gitlab"

    @property
    def words(self) -> str:
        """As people call it."""
        return {"github": "GitHub", "azure": "Azure DevOps", "gitlab": "GitLab"}[self.value]


def ci_system(environ: Mapping[str, str]) -> CiSystem | None:
    """The system that runs the job of these variables; None where none of them does."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return CiSystem.GITHUB
    if environ.get("TF_BUILD", "").lower() == "true":
        return CiSystem.AZURE
    return CiSystem.GITLAB if environ.get("GITLAB_CI") == "true" else None
