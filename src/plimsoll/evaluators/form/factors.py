"""Words and letters after a figure that multiply it: 3 million, 12k, 5 lakh, 2 dozen; and those that may be a unit too.

A letter is read as a factor where it can hardly be anything else. Beside money every one of them is.
"""

from __future__ import annotations

_WORDS = {
    "dozen": 12,
    "hundred": 10**2,
    "thousand": 10**3,
    "lakh": 10**5,
    "lac": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
    "quadrillion": 10**15,
}
_SHORT = {"mn": 10**6, "mln": 10**6, "mio": 10**6, "bn": 10**9, "bln": 10**9, "mrd": 10**9, "tn": 10**12, "trn": 10**12}
_OF_MONEY = {"k": 10**3, "m": 10**6, "mm": 10**6, "b": 10**9, "t": 10**12}
# Millions, billions and trillions; but metres, minutes, bits, bytes, teslas too.
_UNCLEAR = frozenset(("m", "b", "B", "T", "MM"))
_MONEY = frozenset(
    (
        *("dollar", "dollars", "euro", "euros", "pound", "pounds", "yen", "rupee", "rupees", "yuan", "franc", "francs"),
        *("usd", "eur", "gbp", "jpy", "inr", "cny", "chf", "cad", "aud", "nzd", "sek", "nok", "dkk", "pln"),
        *("$", "€", "£", "¥", "₹"),
    )
)

PATTERN = "|".join(sorted((*(f"{word}s?" for word in _WORDS), *_SHORT, *_OF_MONEY), key=len, reverse=True))
"""Any of them, the longest first: a part of a regular expression that ignores case."""


def is_money(word: str) -> bool:
    """Whether a word or sign is a currency."""
    return word.lower() in _MONEY


def factor(word: str, *, adjoins: bool, money: bool) -> int | None:
    """What a word after a figure multiplies it by; None where it is a unit, or may be one.

    Args:
        word: as it is written; a capital may tell millions from metres.
        adjoins: there is no space before it.
        money: the figure has a currency.
    """
    lower = word.lower()
    known = _WORDS.get(lower) or _WORDS.get(lower.removesuffix("s")) or _SHORT.get(lower)
    if known or money:
        return known or _OF_MONEY.get(lower)
    # 300 K is a temperature, or as many thousands.
    thousand = word == "k" or (word == "K" and adjoins)
    return 10**3 if thousand else 10**6 if word == "M" else None


def is_unclear(word: str, *, adjoins: bool) -> bool:
    """Whether a word that `factor` doesn't read may be a factor all the same: 5m, 7B, 300 K; not 5 m."""
    return (word in _UNCLEAR and not (word == "m" and not adjoins)) or (word == "K" and not adjoins)
