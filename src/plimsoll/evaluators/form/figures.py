"""Figures in text: a number with its sign, separators, factor, currency and unit, read one way only or not at all.

Digits that are joined to something that is no number (a date, a clock time, a range, a fraction, a version, a name
like A4, an exponent) are no figure: half of a date must not be taken for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

from plimsoll.evaluators.form.factors import PATTERN, factor, is_money, is_unclear

Mark = Literal["point", "comma"]
"""What stands before a number's decimals."""

_CURRENCY = "$€£¥₹"
_GAPS = "'’_\u00a0\u2009\u202f"
# Atomic: a shorter run of the same digits would be another number. Not written as `*+` or `?+`, which Python before
# 3.11.5 takes wrongly where they stand after a group (gh-106052).
_RUN = rf"\.?[0-9](?>(?:[0-9]|[.,:/{_GAPS}-](?=[0-9]))*)"
_TIMES_TEN = r"[^\S\n]{0,3}(?:[×x*·⋅]|\\times|\\cdot)[^\S\n]{0,3}10"
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−", "0123456789+--")
# 5e3, 5×10³, 5 x 10^3, 5 \times 10^{-3}.
_EXPONENT = (
    r"(?>(?:e(?P<e>[+-]?[0-9]{1,3})(?![0-9a-z.])"
    rf"|{_TIMES_TEN}(?:(?:\^|\*\*)\{{?(?P<power>[+−-]?[0-9]{{1,3}})\}}?(?!\.?[0-9])"
    r"|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})))?)"
    rf"(?!\s?(?:\^|\*\*[0-9])|{_TIMES_TEN}(?:\^|\*\*[0-9]))"
)
_NO_RAISED = r"(?![\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2150-\u215f])"
_LETTER = r"[^\W\d_]"
_FACTOR = rf"(?:{PATTERN})(?![^\W_]|[²³])"
_FACTORS = rf"(?P<times>{_FACTOR}(?:[ -]{_FACTOR}){{0,2}})"

# In running text only what adjoins the digits belongs to the figure.
_IN_TEXT = re.compile(
    rf"(?P<sign>(?<![\w)\].%])[+−-])?(?P<before>[{_CURRENCY}])?(?P<minus>(?<=[{_CURRENCY}])[−-])?"
    rf"(?<![a-z0-9_.^])(?<!\^[{{+−-])(?<!\^\{{[+−-])(?<![0-9]\*\*)(?P<digits>{_RUN}){_EXPONENT}{_NO_RAISED}"
    rf"(?>(?:(?P<gap>[*_]{{0,3}}(?:[^\S\n]{{0,3}}|-)){_FACTORS})?)"
    rf"(?P<after>[^\S\n]?(?:%|(?:percent|per cent)\b|[{_CURRENCY}](?![0-9]))|[°µ]?{_LETTER}{{1,30}})?",
    re.IGNORECASE,
)
_NAME = re.compile(rf"{_LETTER}-$")
_ORDINAL = frozenset(("st", "nd", "rd", "th"))

# A whole answer may have a unit of several words, a currency's code, and plain spaces between thousands.
_WORD = rf"{_LETTER}[^\W\d_²³]*[²³]?"
_WHOLE = re.compile(
    rf"(?P<sign>[+−-])?(?P<before>[{_CURRENCY}]|[a-z]{{3}}(?=[\s0-9]))?\s?(?P<minus>(?<![+−-])[−-])?"
    rf"(?P<digits>(?>[0-9]{{1,3}}(?: [0-9]{{3}})+(?:[.,][0-9]+)?(?![0-9])|{_RUN})){_EXPONENT}{_NO_RAISED}"
    rf"(?>(?:(?P<gap>\s{{0,3}}|-){_FACTORS})?)"
    rf"\s?(?P<after>[%{_CURRENCY}]|[°µ/·]?{_WORD}(?:[ /·]{_WORD}){{0,3}})?\.?",
    re.IGNORECASE,
)
_LONGEST = 400


class Figure(NamedTuple):
    """A number as it stood in a text."""

    value: Fraction
    unit: str
    """`%`, a currency sign, or words in lower case; empty where there is none."""
    text: str
    unclear: bool = False
    """Its unit may be a factor instead: 5m is metres or millions."""


def whole_figure(text: str, mark: Mark = "point") -> Figure | None:
    """The figure that is the whole text (`1,200`, `$5.50`, `-3 °C`, `5 working days`); None where it is none."""
    bare = text.strip()
    found = _WHOLE.fullmatch(bare) if len(bare) <= _LONGEST else None
    return _figure(found, mark) if found else None


def figures_in(text: str, mark: Mark = "point") -> Iterator[Figure]:
    """The figures of a running text, in order.

    A unit is told only where it adjoins: a percent or currency sign, letters without a space.
    """
    for found in _IN_TEXT.finditer(text):
        ordinal = (found["after"] or "").lower() in _ORDINAL
        figure = None if ordinal or _is_of_a_name(found, text) else _figure(found, mark)
        if figure is not None:
            yield figure


def _is_of_a_name(found: re.Match[str], text: str) -> bool:
    """As in COVID-19."""
    return _NAME.search(text, max(0, found.start() - 2), found.start()) is not None


def _figure(found: re.Match[str], mark: Mark) -> Figure | None:
    value = _number(found["digits"], mark) if len(found["digits"]) <= _LONGEST else None
    if value is None or (found["sign"] and found["minus"]):
        return None
    exponent = found["e"] or found["power"] or found["raised"] or "0"
    times, unit, unclear = _factor_and_unit(found)
    value *= Fraction(10) ** int(exponent.translate(_RAISED)) * times
    if (found["sign"] or found["minus"] or "+") in "-−":
        value = -value
    return Figure(value, "%" if unit in ("percent", "per cent") else unit, found[0].strip(), unclear)


def _factor_and_unit(found: re.Match[str]) -> tuple[int, str, bool]:
    """What the words after the digits multiply them by, the unit, and whether that may be a factor after all."""
    before, after = (found["before"] or "").lower(), (found["after"] or "").strip().lower()
    money = bool(before) or is_money(after.partition(" ")[0])
    words, times, adjoins = re.findall("[^ -]+", found["times"] or ""), 1, not found["gap"]
    while words and (known := factor(words[0], adjoins=adjoins, money=money)):
        del words[0]
        times, adjoins = times * known, False
    # Metres a second are no millions.
    unclear = bool(words) and is_unclear(words[0], adjoins=adjoins) and not after.startswith(("/", "·"))
    joint = "" if after.startswith(("/", "·")) else " "
    return times, joint.join(filter(None, (" ".join(words).lower(), after))) or before, unclear


def _number(digits: str, mark: Mark) -> Fraction | None:
    point, comma = (".", ",") if mark == "point" else (",", ".")
    whole, dot, decimals = digits.partition(point)
    separators = {sign for sign in whole if not sign.isdigit()}
    if len(separators) > 1 or not separators <= {comma, " ", *_GAPS} or (dot and not decimals.isdigit()):
        return None
    for separator in separators:
        first, *groups = whole.split(separator)
        if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
            return None
        whole = first + "".join(groups)
    return Fraction(f"{whole or 0}.{decimals or 0}")
