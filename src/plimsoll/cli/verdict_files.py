"""What `gate` leaves for a reviewer and for the CI system: a comment, JUnit, SARIF, annotations.

Promises that the files are there from the start and never say more than what was decided: a job that is killed leaves
files that say so, not those of the job before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from plimsoll.cli.outputs import check_outputs, write_output
from plimsoll.config.ci_system import CiSystem, ci_system
from plimsoll.errors import ExitCode, Mistake, UsageError, near_match
from plimsoll.reports.annotations import render_annotations
from plimsoll.reports.junit import render_tests
from plimsoll.reports.markdown import COMMENT_KEY, render_comment
from plimsoll.reports.review import UNAFFECTED, Review
from plimsoll.reports.sarif import render_sarif

Annotations = Literal["none", "auto", "github", "azure"]
UNFINISHED = "the gate did not come to its end"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a gate's verdicts are written besides the terminal."""

    markdown: Path | None = None
    junit: Path | None = None
    sarif: Path | None = None
    annotations: Annotations = "none"

    @classmethod
    def of(cls, markdown: Path | None, junit: Path | None, sarif: Path | None, annotations: str) -> Files:
        """As the command line gives them.

        Raises:
            UsageError: annotations for an unknown forge.
        """
        for known in get_args(Annotations):
            if annotations == known:
                return cls(markdown, junit, sarif, known)
        raise UsageError(f"no annotations for {annotations!r}", remedy=near_match(annotations, get_args(Annotations)))

    @property
    def wanted(self) -> bool:
        """Whether anything is."""
        return any((self.markdown, self.junit, self.sarif)) or self.annotations != "none"

    def begin(self, suites: Sequence[str]) -> None:
        """Look at the places, and leave files that say that nothing was decided yet.

        Raises:
            UsageError: one can't be a file.
            InfrastructureError: one can't be written.
        """
        check_outputs(self.markdown, self.junit, self.sarif)
        self._write([unfinished(suite) for suite in suites], UNAFFECTED, None)

    def finish(
        self, reviews: Sequence[Review], *, nothing: str = UNAFFECTED, remedy: str | None = None, as_json: bool = False
    ) -> None:
        """Write what was decided, and print the annotations.

        Args:
            reviews: One for each suite.
            nothing: What to say where there are none.
            remedy: What to do where a file can't be written.
            as_json: Stdout is taken: the annotations go to stderr, where a CI system looks too.

        Raises:
            InfrastructureError: a file can't be written.
        """
        if self.annotations != "none":
            system = ci_system(os.environ) if self.annotations == "auto" else CiSystem(self.annotations)
            stream = sys.stderr if as_json else sys.stdout
            stream.write(render_annotations(reviews, system))
            stream.flush()
        self._write(reviews, nothing, remedy)

    def _write(self, reviews: Sequence[Review], nothing: str, remedy: str | None) -> None:
        if self.markdown is not None:
            write_output(self.markdown, render_comment(reviews, COMMENT_KEY, nothing=nothing), remedy=remedy)
        if self.junit is not None:
            write_output(self.junit, render_tests(reviews, nothing=nothing), remedy=remedy)
        if self.sarif is not None:
            write_output(self.sarif, render_sarif(reviews), remedy=remedy)


def unfinished(suite: str) -> Review:
    """A suite of which nothing was decided."""
    return Review(suite, ExitCode.INTERRUPTED, problems=(Mistake(UNFINISHED, remedy="gate again"),))
