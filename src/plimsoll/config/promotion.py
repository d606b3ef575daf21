"""Where a suite's versions may go, and who has to agree."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, model_validator

from plimsoll.config.document import Strict
from plimsoll.errors import UsageError, near_match

CHAMPION = "champion"
"""The alias that gates compare with, unless the policy names another."""
CHALLENGER = "challenger"
BUILT_IN = (CHAMPION, CHALLENGER)
ALL = "all"
"""In place of an alias: every one of them."""

# MLflow keeps `latest` and `v1` for itself; `all` is a word of `plimsoll history`.
EnvironmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
_RESERVED = frozenset({*BUILT_IN, ALL, "latest"})


class PromotionPolicy(Strict):
    """Which aliases there are beside champion and challenger, and how many people must approve a promotion."""

    environments: list[EnvironmentName] = Field(
        default_factory=list, description="Aliases beside champion and challenger, for example staging, production."
    )
    approvals: NonNegativeInt | dict[str, NonNegativeInt] = Field(
        0, description="People who must approve a promotion: one number for every alias, or by alias."
    )
    approvers: dict[str, str] = Field(
        default_factory=dict, description="Who may approve: name → file with the ed25519 public key (PEM)."
    )

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every alias that a version may be promoted to."""
        return (*BUILT_IN, *self.environments)

    def approvals_for(self, alias: str) -> int:
        """How many people must approve a promotion to the alias."""
        return self.approvals.get(alias, 0) if isinstance(self.approvals, dict) else self.approvals

    def checked(self, alias: str) -> str:
        """The alias, if there is one of that name.

        Raises:
            UsageError: there is none.
        """
        if alias in self.aliases:
            return alias
        near = near_match(alias, self.aliases) or ""
        joined = near if near.endswith("?") else f"{near};"
        raise UsageError(
            f"no alias named {alias!r}", remedy=f"{joined} or add it to environments in [tool.plimsoll.promotion]"
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in self.environments:
            if name in _RESERVED or (name[0] == "v" and name[1:].isdecimal()):
                raise ValueError(f"{name!r} is taken: name the environment otherwise")
        if len(set(self.environments)) < len(self.environments):
            raise ValueError("an environment is named twice")
        wanted = self.approvals if isinstance(self.approvals, dict) else {"every alias": self.approvals}
        for alias, number in wanted.items():
            if isinstance(self.approvals, dict) and alias not in self.aliases:
                raise ValueError(f"approvals for {alias!r}, which is no alias: {near_match(alias, self.aliases)}")
            if number > len(self.approvers):
                raise ValueError(
                    f"{number} approvals for {alias}, and {len(self.approvers)} approvers: nobody could promote"
                )
        return self
