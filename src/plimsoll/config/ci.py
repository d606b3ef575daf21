"""What continuous integration is told of a project: which files no suite's results depend on."""

from __future__ import annotations

from pydantic import Field, field_validator

from plimsoll.config.document import Strict

OF_NO_INFLUENCE = (
    "README*",
    "CHANGELOG*",
    "LICENSE*",
    "/*.md",
    "/docs/",
    ".gitignore",
    ".editorconfig",
    "/.plimsoll/",
    "/.github/CODEOWNERS",
    "/.github/FUNDING.yml",
    "/.github/ISSUE_TEMPLATE/",
    "/.github/PULL_REQUEST_TEMPLATE*",
    "/.github/dependabot.yml",
)
"""Built in, before a project's own. A workflow is not among them: it sets the environment in which suites are run. Nor
is `.gitattributes`: it decides what a checkout writes into files."""


class CiPolicy(Strict):
    """`[tool.plimsoll.ci]`."""

    ignore: list[str] = Field(
        default_factory=list,
        description="Files that no suite depends on, as in .gitignore, beside those built in (docs/, README*, …); "
        "`!PATTERN` takes one back. A file that some suite does use counts all the same.",
    )

    @field_validator("ignore")
    @classmethod
    def _patterns(cls, written: list[str]) -> list[str]:
        from pathspec import GitIgnoreSpec  # a few ms that `--help` need not pay

        GitIgnoreSpec.from_lines(written)
        return written
