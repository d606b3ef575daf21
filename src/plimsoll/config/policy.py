"""The gate's policy: rules over metrics, each absolute or against the baseline."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_serializer, model_validator

from plimsoll.config.document import Strict
from plimsoll.config.quantities import Bound, BoundField, Seconds

NO_BASELINE = "none"
"""A policy's baseline where it compares with nothing."""
GIT_BASELINE = "git:"
"""How a baseline begins that is a git ref: `git:REF`, `git:REF:TARGET`."""
RUN_WORD, BRANCH_WORD, TAG_WORD, ALIAS_WORD = "run:", "branch:", "tag:", "alias:"
"""How a baseline begins that is a run of this disk or of the tracking server, or, said in full, an alias."""
BASELINE_TARGET, ANCHOR_TARGET = "baseline", "anchor"
"""What a baseline out of git or out of another run, and the anchor, are called beside the challenger."""

Kind = Literal["at_least", "at_most", "not_worse_than", "better_than", "all_pass"]


class Rule(Strict):
    """One condition on one metric. Exactly one of at_least, at_most, not_worse_than, better_than, all_pass."""

    metric: str = Field(min_length=1, description="A metric of the suite's evaluators; latency_p50, latency_p95 too.")
    slice: str | None = Field(None, description="Only the cases of this slice.")
    at_least: BoundField | None = Field(None, description="The lower confidence limit must reach this.")
    at_most: BoundField | None = Field(None, description="The upper confidence limit must stay under this.")
    not_worse_than: Literal["baseline"] | None = Field(None, description="May not get worse by more than `margin`.")
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="In the metric's own unit. Default: a twentieth of the metric's range."
    )
    better_than: Literal["baseline"] | None = Field(None, description="Claims an improvement over the baseline.")
    all_pass: Literal[True] | None = Field(None, description="Every case passes by the metric's pass_if.")

    @property
    def kind(self) -> Kind:
        """Which of the five it is."""
        given: list[Kind] = [
            kind
            for kind in ("at_least", "at_most", "not_worse_than", "better_than", "all_pass")
            if getattr(self, kind) is not None
        ]
        return given[0]

    @property
    def relative(self) -> bool:
        """Whether the rule needs a baseline."""
        bound = self.at_least or self.at_most
        return self.kind in ("not_worse_than", "better_than") or (bound is not None and bound.of_baseline)

    @property
    def words(self) -> str:
        """The rule as people say it, without its metric: `not worse than baseline by more than 0.05`."""
        if self.kind == "at_least":
            return f"at least {self.at_least}"
        if self.kind == "at_most":
            return f"at most {self.at_most}"
        if self.kind == "not_worse_than":
            return "not worse than baseline" + ("" if self.margin is None else f" by more than {self.margin:g}")
        return "better than baseline" if self.kind == "better_than" else "every case passes"

    @field_serializer("at_least", "at_most")
    def _as_written(self, bound: Bound | None) -> float | str | None:
        if bound is None:
            return None
        return f"{bound.amount!r} × baseline" if bound.of_baseline else bound.amount

    @model_validator(mode="after")
    def _one_kind(self) -> Rule:
        kinds = ("at_least", "at_most", "not_worse_than", "better_than", "all_pass")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a rule needs exactly one of {', '.join(kinds)}; found {' and '.join(given) or 'none'}")
        if self.margin is not None and self.kind != "not_worse_than":
            raise ValueError("only not_worse_than has a margin")
        return self


class GatePolicy(Strict):
    """What a challenger must show to be promoted."""

    target: str | None = Field(None, description="The challenger; or --target.")
    baseline: str = Field(
        "champion",
        description="champion or another alias, another target of the suite, a git ref (git:main), none, or a run: its "
        "id, or branch:NAME or tag:KEY=VALUE for the newest complete one that the tracking server has of these.",
    )
    anchor: str | None = Field(
        None,
        description="A release that nothing may fall below, against many small losses: an alias, or a version (v3), "
        "an entry (#2) or a digest of the champions' history.",
    )
    baseline_max_age: Seconds | Literal["none"] = Field(
        7 * 86400.0,
        description="Answers older than this are generated again, on both sides, so that a provider's drift doesn't "
        "read as a regression; none takes them however old.",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of every interval, two-sided.")
    coverage: float = Field(1.0, gt=0, le=1, description="Share of planned cells to be scored, on both sides.")
    rules: list[Rule] = Field(min_length=1, description="All of them must pass.")
    max_quarantined: float = Field(
        0.05, ge=0, lt=1, description="Share of the cases that a quarantine may leave out before nothing is decided."
    )
    dataset_changes: Literal["count", "allow"] = Field(
        "count",
        description="count: a case that the baseline's evidence has, and the dataset lacks or has otherwise, counts as "
        "missing; allow: it does not.",
    )
    judges: Literal["any", "none", "certified"] = Field(
        "none",
        description="none: a rule over a judged metric is refused; certified: unless its judge has a valid "
        "certificate, by which its figures are corrected; any: it counts like the others.",
    )

    @model_validator(mode="after")
    def _baseline_for_relative_rules(self) -> GatePolicy:
        if self.anchor is not None and not any(rule.not_worse_than for rule in self.rules):
            raise ValueError("an anchor holds what a not_worse_than rule holds, and there is none")
        if self.baseline == NO_BASELINE:
            relative = next((rule for rule in self.rules if rule.relative), None)
            if relative is not None:
                raise ValueError(
                    f"the rule over {relative.metric!r}, {relative.words}, needs a baseline, which is none"
                )
        return self
