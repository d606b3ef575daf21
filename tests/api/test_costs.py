"""A price is no part of what a target is."""

from pathlib import Path

from tests.api.parts import edit

from plimsoll.api.champions import bundle_spec
from plimsoll.api.prepare import prepare
from plimsoll.config import PriceSettings, Workspace
from plimsoll.registry import materialise

PRICED = "concurrency: 4, price: {input: 1, output: 2}}"


def test_another_price_is_no_other_target(workspace: Workspace) -> None:
    before = prepare(workspace, "desk").targets["v1"]
    edit(workspace.root, "suites/desk.yaml", "concurrency: 4}", PRICED)
    now = prepare(workspace, "desk").targets["v1"]
    assert now.info.digest == before.info.digest
    assert now.bundle is not None
    assert before.bundle is not None
    assert now.bundle.digest == before.bundle.digest


def test_a_champions_model_costs_what_the_suite_says_of_it_and_is_still_the_suites(
    workspace: Workspace, tmp_path: Path
) -> None:
    edit(workspace.root, "suites/desk.yaml", "concurrency: 4}", PRICED)
    prepared = prepare(workspace, "desk")
    bundle = prepared.targets["v1"].bundle
    assert bundle is not None
    champion = bundle_spec("champion", bundle, materialise(bundle, tmp_path / "bundle"), prepared.suite.models)
    assert champion.models == {"main": prepared.suite.models["main"]}
    assert champion.models["main"].price == PriceSettings(input=1, output=2)
    assert champion.info.digest == bundle.digest


def test_a_champions_model_with_other_settings_costs_the_same_tokens(workspace: Workspace, tmp_path: Path) -> None:
    bundle = prepare(workspace, "desk").targets["v1"].bundle
    assert bundle is not None
    edit(workspace.root, "suites/desk.yaml", "concurrency: 4}", f"temperature: 1, {PRICED}")
    known = prepare(workspace, "desk").suite.models
    champion = bundle_spec("champion", bundle, materialise(bundle, tmp_path / "bundle"), known)
    assert champion.models["main of champion"].price == PriceSettings(input=1, output=2)


def test_a_champions_other_model_has_no_price_of_the_suites(workspace: Workspace, tmp_path: Path) -> None:
    bundle = prepare(workspace, "desk").targets["v1"].bundle
    assert bundle is not None
    edit(workspace.root, "suites/desk.yaml", "model: scripted", "model: other")
    edit(workspace.root, "suites/desk.yaml", "concurrency: 4}", PRICED)
    known = prepare(workspace, "desk").suite.models
    champion = bundle_spec("champion", bundle, materialise(bundle, tmp_path / "bundle"), known)
    assert champion.models["main of champion"].price is None
