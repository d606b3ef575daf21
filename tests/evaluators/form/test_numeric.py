"""Numbers in answers: how figures are read, and when one is the reference's."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.form.figures import figures_in, whole_figure
from plimsoll.evaluators.form.numeric import Numeric
from plimsoll.types import Case, Output

_ROOT = Path(__file__).resolve().parents[3]
_GSM8K = Path(os.environ.get("PLIMSOLL_SHARED") or _ROOT.parent / "shared") / "data" / "gsm8k" / "test.jsonl"


def score(answer: str, expected: Any, **keys: Any) -> tuple[Any, str | None]:
    scored = Numeric(**keys).evaluate(Case(id="c1", inputs={}, expected=expected), Output(text=answer))
    return scored.value, scored.reason


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5", 5, ""),
        (" 1,200.50\n", 1200.5, ""),
        ("1 200", 1200, ""),
        ("1\u202f200", 1200, ""),
        ("1'200", 1200, ""),
        (".5", 0.5, ""),
        ("5.", 5, ""),
        ("1.5e-3", 0.0015, ""),
        ("+5", 5, ""),
        ("-$5.50", -5.5, "$"),
        ("$-5.50", -5.5, "$"),
        ("−3 °C", -3, "°c"),
        ("5 working days", 5, "working days"),
        ("5 km/h", 5, "km/h"),
        ("5 m²", 5, "m²"),
        ("EUR 5", 5, "eur"),
        ("12 %", 12, "%"),
        ("12 percent", 12, "%"),
        ("$1.5 million", 1_500_000, "$"),
        ("12k", 12_000, ""),
        ("12 k", 12_000, ""),
        ("12K people", 12_000, "people"),
        ("12M", 12_000_000, ""),
        ("12 bn", 12 * 10**9, ""),
        ("12-million", 12_000_000, ""),
        ("2 thousand million", 2 * 10**9, ""),
        ("12 million/s", 12_000_000, "/s"),
        ("12 lakh", 1_200_000, ""),
        ("12 crores", 120_000_000, ""),
        ("12 dozen eggs", 144, "eggs"),
        ("5 hundred", 500, ""),
        ("£5m", 5_000_000, "£"),
        ("$5b", 5 * 10**9, "$"),
        ("$5T", 5 * 10**12, "$"),
        ("USD 5mm", 5_000_000, "usd"),
        ("5m€", 5_000_000, "€"),
        ("5m dollars", 5_000_000, "dollars"),
        ("5 million m", 5_000_000, "m"),
        ("5 mm", 5, "mm"),
        ("5 m/s", 5, "m/s"),
        ("5 million %", 5_000_000, "%"),
        ("5×10³", 5000, ""),
        ("5 × 10^3", 5000, ""),
        ("5 x 10^-3 kg", 0.005, "kg"),
        ("5·10⁻³", 0.005, ""),
        (r"5 \times 10^{3}", 5000, ""),
        ("-5e3", -5000, ""),
    ],
)
def test_a_whole_figure(text: str, value: float, unit: str) -> None:
    found = whole_figure(text)
    assert found is not None
    assert (float(found.value), found.unit) == (value, unit)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "five",
            "5 6",
            "1,2345",
            "12,34",
            "1.2.3",
            "13:30",
            "2024-05-01",
            "1/2",
            "10²",
            "10^3",
            "5 x 10",
            "5 × 10^3.5",
            "6½",
            "0x10",
            "--5",
            "+-5",
        ),
        *("NaN", "inf", "1e9999", "9" * 401, "5 kg of it, about, or 6", "\ud800"),
    ],
)
def test_what_is_no_figure(text: str) -> None:
    assert whole_figure(text) is None


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        *(("5m", True), ("7B parameters", True), ("300 K", True), ("5T", True), ("5MM", True)),
        *(("5 m", False), ("5m/s", False), ("5M", False), ("5 t", False), ("$5m", False), ("5", False)),
    ],
)
def test_a_letter_that_may_be_a_factor_or_a_unit_is_unclear(text: str, unclear: bool) -> None:
    found = whole_figure(text)
    assert found is not None
    assert found.unclear is unclear


def test_a_comma_before_the_decimals() -> None:
    found = whole_figure("1.234,5", "comma")
    assert found is not None
    assert found.value == Fraction("1234.5")
    assert whole_figure("1,234.5", "comma") is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("She makes 9 * 2 = $18 every day.", [9, 2, 18]),
        ("200,000-130,000=$70,000", [70_000]),
        ("On 2024-05-01 at 13:30, with v1.2.3 of COVID-19 and A4", []),
        ("10% of -3.5, not 6½ or 10²", [10, -3.5]),
        ("the 2nd of **5**.", [5]),
        ("from 5-10 to 1/2", []),
        ("一共18个", [18]),
        ("3 million", [3_000_000]),
        ("about 12k people, **3** million, $2bn and a 4-dozen box", [12_000, 3_000_000, 2 * 10**9, 48]),
        ("5 × 10^3, or 10^3, 2^-5, 10^{-3}, 2**5 or 6×10⁴", [5000, 60_000]),
        ("5 m long, 7 km and 3 of them", [5, 7, 3]),
    ],
)
def test_figures_in_a_text(text: str, values: list[float]) -> None:
    assert [float(each.value) for each in figures_in(text)] == values


@pytest.mark.parametrize(
    ("answer", "expected", "keys", "wanted"),
    [
        ("12", 12, {}, True),
        ("12.0", 12, {}, True),
        ("1,200", "1200", {}, True),
        ("12", [11, 12], {}, True),
        ("13", 12, {}, False),
        ("12 apples", 12, {}, True),
        ("It is 12", 12, {}, False),
        ("0.1", 0.1, {}, True),
        ("1.1", 1, {"absolute": 0.1}, True),
        ("1.11", 1, {"absolute": 0.1}, False),
        ("105", 100, {"relative": 0.05}, True),
        ("95", 100, {"relative": 0.05}, True),
        ("94.9", 100, {"relative": 0.05}, False),
        ("-95", -100, {"relative": 0.05}, True),
        ("12%", 0.12, {}, False),
        ("5 g", "5 kg", {}, False),
        ("5 g", "5 kg", {"units": "ignore"}, True),
        ("5", "5 kg", {}, True),
        ("$5", "5 dollars", {"units": "ignore"}, True),
        ("5 million", 5, {}, False),
        ("First 3, so 12", 12, {"extract": "last"}, True),
        ("First 3, so 12", 3, {"extract": "first"}, True),
        ("It is 12, yes, 12.", 12, {"extract": "only"}, True),
        ("First 3, so 12", 12, {"extract": "only"}, False),
        ("none", 12, {"extract": "last"}, False),
        ("1.200,5", 1200.5, {"decimals": "comma"}, True),
        ("12k", 12, {}, False),
        ("12M", 12, {}, False),
        ("$12 k", "$12", {"extract": "last"}, False),
        ("12k", "12 kg", {"units": "ignore"}, False),
        ("12 lakh", 12, {}, False),
        ("about 12k people", 12, {"extract": "last"}, False),
        ("about 12k people", 12_000, {"extract": "last"}, True),
        ("1.5M", 1_500_000, {}, True),
        ("5 × 10^3", 5, {"extract": "first"}, False),
        ("5m", 5, {}, False),
        ("5m", 5_000_000, {}, False),
        ("5", "5m", {}, False),
        ("5m", "5m", {}, True),
        ("5m", 5, {"units": "ignore"}, True),
        ("5 m", 5, {}, True),
        ("1" * 400, int("1" * 400), {}, True),
        ("1e400", 10**400, {}, True),
    ],
)
def test_numeric(answer: str, expected: Any, keys: dict[str, Any], wanted: bool) -> None:
    assert score(answer, expected, **keys)[0] is wanted


@pytest.mark.parametrize(
    ("answer", "expected", "keys", "reason"),
    [
        ("", 12, {}, "the answer is empty"),
        ("13", 12, {}, "13 is not 12"),
        ("13", 12, {"absolute": 0.5}, "13 is not 12 within 0.5"),
        ("130", 100, {"relative": 0.1}, "130 is not 100 within 0.1 of it"),
        ("5 g", "5 kg", {}, "5 g is not 5 kg: the units differ, 'g' and 'kg'"),
        ("5m", 5, {}, "5m is not 5: 'm' may be a factor or a unit"),
        ("about 12", 12, {}, "not a number: 'about 12'"),
        ("no figure", 12, {"extract": "only"}, "there is no figure in the answer"),
        ("3 and 4", 4, {"extract": "only"}, "there are several figures: 3; 4"),
    ],
)
def test_the_reason(answer: str, expected: Any, keys: dict[str, Any], reason: str) -> None:
    assert score(answer, expected, **keys) == (False, reason)


@pytest.mark.parametrize("expected", ["twelve", True, float("nan"), float("inf"), {"a": 1}, "", []])
def test_a_reference_that_is_no_number_is_no_score(expected: Any) -> None:
    with pytest.raises(CellError) as caught:
        score("12", expected)
    assert caught.value.kind is FailureKind.MISSING_FIELD


@pytest.mark.parametrize("keys", [{"absolute": -1}, {"relative": 1}, {"absolute": float("inf")}, {"extract": "third"}])
def test_settings_that_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Numeric(**keys)


@settings(deadline=None)
@given(st.text(), st.sampled_from(["whole", "last", "first", "only"]), st.sampled_from(["point", "comma"]))
def test_any_text_is_scored(text: str, extract: Any, decimals: Any) -> None:
    assert isinstance(score(text, 5, extract=extract, decimals=decimals)[0], bool)


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=3))
def test_a_number_is_itself_however_it_is_written(number: Any) -> None:
    for written in (f"{number}", f"{number:,}", f"{number:.3f}", f"The answer is {number:,}."):
        assert score(written, str(number), extract="last")[0] is True


@pytest.mark.skipif(not _GSM8K.is_file(), reason="no labelled data: set PLIMSOLL_SHARED to the folder that holds data/")
def test_the_last_figure_of_a_worked_answer_is_its_result() -> None:
    rows = [json.loads(line) for line in _GSM8K.read_text(encoding="utf-8").splitlines()[::3]]
    results = [row["answer"].rpartition("####")[2].strip() for row in rows]
    assert len(rows) == 440
    for row, result in zip(rows, results, strict=True):
        assert score(row["answer"], result, extract="last")[0] is True
        assert score(row["answer"], float(result.replace(",", "")) + 1, extract="last")[0] is False
