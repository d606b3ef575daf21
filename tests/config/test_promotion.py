"""Aliases, approvals and approvers, as `[tool.plimsoll.promotion]` names them."""

from pathlib import Path

import pytest

from plimsoll.config import PromotionPolicy, Workspace
from plimsoll.errors import ConfigError, UsageError

PEOPLE = '[tool.plimsoll.promotion.approvers]\nada = "a.pem"\nbob = "b.pem"\n'


def policy(root: Path, text: str) -> PromotionPolicy:
    (root / "pyproject.toml").write_text(f"[tool.plimsoll.promotion]\n{text}", encoding="utf-8")
    return Workspace.find(root).settings.promotion


def test_without_settings_there_are_two_aliases_and_nobody_has_to_approve():
    assert PromotionPolicy().aliases == ("champion", "challenger")
    assert PromotionPolicy().approvals_for("champion") == 0


def test_approvals_are_one_number_or_one_for_each_alias(tmp_path: Path):
    every = policy(tmp_path, f'environments = ["production"]\napprovals = 2\n{PEOPLE}')
    assert [every.approvals_for(alias) for alias in every.aliases] == [2, 2, 2]
    some = policy(tmp_path, f'environments = ["production"]\napprovals = {{production = 1}}\n{PEOPLE}')
    assert [some.approvals_for(alias) for alias in some.aliases] == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('environments = ["champion"]', "'champion' is taken: name the environment otherwise"),
        ('environments = ["all"]', "'all' is taken"),
        ('environments = ["latest"]', "'latest' is taken"),
        ('environments = ["v2"]', "'v2' is taken"),
        ('environments = ["eu", "eu"]', "an environment is named twice"),
        ('environments = ["Prod.EU"]', r"should match pattern"),
        ("approvals = {prodction = 1}\n", "approvals for 'prodction', which is no alias"),
        (f"approvals = 3\n{PEOPLE}", "3 approvals for every alias, and 2 approvers: nobody could promote"),
        ("approvals = -1", "greater than or equal to 0"),
        ("approval = 1", "unknown key 'approval' .did you mean 'approvals'"),
    ],
)
def test_settings_that_can_not_be_are_refused(tmp_path: Path, text: str, told: str):
    with pytest.raises(ConfigError, match=told):
        policy(tmp_path, text)


def test_an_alias_is_checked_with_what_was_meant(tmp_path: Path):
    found = policy(tmp_path, 'environments = ["production"]')
    assert found.checked("production") == "production"
    with pytest.raises(UsageError, match=r"no alias named 'prodution' \(did you mean 'production'\? or add it to"):
        found.checked("prodution")
