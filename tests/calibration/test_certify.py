"""Certifying: what a judge has to show, what its certificate says, and when it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.calibration.parts import NOON, certificate, figure, figures

from plimsoll.calibration import (
    Certificates,
    Figures,
    Standing,
    certificate_bytes,
    checks_of,
    outcome_of,
    parse_certificate,
    read_certificate,
    standing_of,
    statement_of,
    write_certificate,
)
from plimsoll.calibration.certify import shown
from plimsoll.calibration.comparison import Task
from plimsoll.calibration.figures import CanaryFigure, Stability
from plimsoll.config import CalibrationPolicy
from plimsoll.errors import ConfigError
from plimsoll.types import Decision

POLICY = CalibrationPolicy()


def with_agreement(**changed: Any) -> Figures:
    good = figures()
    return msgspec.structs.replace(good, agreement=msgspec.structs.replace(good.agreement, **changed))


def test_a_judge_that_shows_all_of_it_is_certified() -> None:
    checks = checks_of(figures(), POLICY)
    assert outcome_of(checks) is Decision.PASS
    assert [check.what for check in checks] == [
        "labels",
        "scores",
        "agreement",
        "informedness",
        "canaries",
        "stability",
    ]


@pytest.mark.parametrize(
    ("changed", "outcome", "said"),
    [
        (with_agreement(classes={"good": 100, "bad": 49}), "inconclusive", "only 49 bad answers among the labels"),
        (figures(failed=6, skipped=5), "fail", "11 of 200 answers got no score (6 failed, 5 skipped), more than 5%"),
        (with_agreement(kappa=figure(0.12, 0.03, 0.21)), "fail", "kappa .12, 95% .03 to .21: even the upper limit is"),
        (with_agreement(kappa=figure(0.5, 0.35, 0.6)), "inconclusive", "the lower limit does not reach .40"),
        (with_agreement(kappa=None), "inconclusive", "kappa is not defined: people gave every answer the same"),
        (with_agreement(kappa=None, constant=True), "fail", "the judge gave every answer the same value"),
        (with_agreement(informedness=figure(0.1, -0.02, 0.2)), "inconclusive", "from a judge that does not look at"),
        (
            with_agreement(informedness=figure(-0.3, -0.5, -0.1)),
            "fail",
            "it passes bad answers as readily as good ones",
        ),
        (figures(canaries=()), "inconclusive", "none was asked"),
        (figures(unassessed=3), "inconclusive", "nothing says which values are low"),
        (
            figures(canaries=(CanaryFigure(name="order", why="x", asked=5, low=3, failed=1),)),
            "fail",
            "only 3 of 5 canary answers scored low; not low: order (2 of 5)",
        ),
        (
            figures(stability=Stability(answers=0, repeats=1, failed=0, equal=None, alpha=None)),
            "inconclusive",
            "not measured: calibrate with --repeats 2 or more",
        ),
        (
            figures(stability=Stability(answers=30, repeats=3, failed=0, equal=0.4, alpha=figure(0.5, 0.3, 0.7))),
            "fail",
            "40% of 30 answers judged alike in each of 3 repeats (alpha .50), and .80 is wanted",
        ),
        (
            with_agreement(task=Task.SCALE, spearman=None, constant=True),
            "fail",
            "the judge gave every answer the same value",
        ),
        (
            with_agreement(task=Task.SCALE, classes={}, compared=99, spearman=figure(0.9, 0.8, 0.95)),
            "inconclusive",
            "only 99 compared answers among the labels, and at least 100 are wanted",
        ),
    ],
)
def test_a_judge_that_lacks_one_thing_is_not_certified_and_the_reason_says_which(
    changed: Figures, outcome: str, said: str
) -> None:
    checks = checks_of(changed, POLICY)
    assert outcome_of(checks) == outcome
    (bad,) = [check for check in checks if check.outcome is not Decision.PASS]
    assert said in bad.reason


def test_the_statement_says_it_plainly() -> None:
    poor = with_agreement(compared=430, accuracy=figure(0.607, 0.56, 0.65), kappa=figure(0.12, 0.03, 0.21))
    assert statement_of(poor, Decision.FAIL, 0.95) == (
        "agrees with people on 61% of 430 (kappa .12, 95% .03 to .21): not to be believed"
    )
    assert statement_of(figures(), Decision.PASS, 0.95).endswith("(kappa .80, 95% .72 to .87): may be believed")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12, ".12"), (-0.034, "−.03"), (1.0, "1"), (0.9999, ".99"), (0.0, "0"), (-0.001, "0"), (-1, "−1")],
)
def test_figures_read_as_people_write_them(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_certificate_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = certificate()
    path = tmp_path / "deep" / "kind.json"
    write_certificate(path, written)
    assert read_certificate(path, "kind.json") == written
    assert written.certified
    assert written.reasons == ()


PLACES = [
    ("certified",),
    ("statement",),
    ("judge_digest",),
    ("expires",),
    ("labels", "digest"),
    ("figures", "failed"),
    ("figures", "agreement", "kappa", "low"),
    ("checks", 0, "outcome"),
    ("policy", "labels"),
    ("digest",),
]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_any_edited_part_is_noticed(place: tuple[str | int, ...]) -> None:
    data = json.loads(certificate_bytes(certificate()))
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    old = inner[place[-1]]
    inner[place[-1]] = {
        bool: lambda: not old,
        str: lambda: (
            "2027-01-01T00:00:00Z" if place[-1] == "expires" else "fail" if place[-1] == "outcome" else f"{old}0"
        ),
    }.get(type(old), lambda: old + 1)()
    with pytest.raises(ConfigError, match="was changed since it was written"):
        parse_certificate(json.dumps(data).encode(), "kind.json")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"not json", certificate_bytes(certificate()).replace(b'"format": 1', b'"format": 2')]
)
def test_what_is_no_certificate_is_told(data: bytes) -> None:
    with pytest.raises(ConfigError, match="is no certificate of a judge") as refused:
        parse_certificate(data, "kind.json")
    assert refused.value.remedy == "calibrate the judge again: plimsoll judge calibrate"


def test_a_key_that_nobody_knows_is_refused() -> None:
    data = json.loads(certificate_bytes(certificate()))
    with pytest.raises(ConfigError, match="is no certificate"):
        parse_certificate(json.dumps({**data, "note": "trust me"}).encode(), "kind.json")


@pytest.mark.parametrize(
    ("judge", "after", "standing"),
    [
        ("sha256:judge", timedelta(), Standing.VALID),
        ("sha256:judge", timedelta(days=90, seconds=-1), Standing.VALID),
        ("sha256:judge", timedelta(days=90), Standing.EXPIRED),
        ("sha256:judge", timedelta(seconds=-1), Standing.EXPIRED),
        ("sha256:other", timedelta(), Standing.OTHER_JUDGE),
        (None, timedelta(), Standing.VALID),
    ],
)
def test_a_certificate_holds_for_one_judge_from_when_it_was_made_until_it_expires(
    judge: str | None, after: timedelta, standing: Standing
) -> None:
    assert standing_of(certificate(), judge, NOON + after) is standing


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["sha256:judge", "sha256:other", None]))
def test_what_is_not_certified_never_holds(at: datetime, judge: str | None) -> None:
    poor = certificate(figures=with_agreement(kappa=figure(0.1, 0.0, 0.2)))
    assert standing_of(poor, judge, at) is Standing.NOT_CERTIFIED
    assert Certificates({"kind": poor}, at).refusal("kind", judge) is not None


def test_each_refusal_says_what_to_do() -> None:
    held = Certificates({"kind": certificate()}, NOON)
    assert held.refusal("kind", "sha256:judge") is None
    assert str(held.refusal("tone", "sha256:judge")) == (
        "the judge of 'tone' has no certificate, and the policy takes certified judges only "
        "(plimsoll judge calibrate tone --labels FILE)"
    )
    assert str(held.refusal("kind", "sha256:other")).startswith("the certificate of 'kind' is for another version")
    late = Certificates({"kind": certificate()}, NOON + timedelta(days=91))
    assert str(late.refusal("kind", "sha256:judge")).startswith("the certificate of 'kind' expired on 2026-04-01")
