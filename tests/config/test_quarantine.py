"""The quarantine's file: strict, every mistake with its line."""

from __future__ import annotations

from datetime import date

import pytest

from plimsoll.config import parse_yaml
from plimsoll.config.quarantine import read_quarantine, too_far
from plimsoll.errors import ConfigError

ENTRY = "  - {case: c1, reason: two spellings, owner: Ada, expires: 2026-12-31}\n"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_quarantine(parse_yaml(text, "quarantine/desk.yaml"))
    return [str(mistake) for mistake in caught.value.mistakes]


def test_an_entry_names_case_reason_owner_and_end():
    [entry] = read_quarantine(parse_yaml("cases:\n" + ENTRY, "quarantine/desk.yaml"))
    assert (entry.case, entry.metric, entry.owner, entry.expires) == ("c1", None, "Ada", date(2026, 12, 31))


def test_every_mistake_is_told_with_its_line():
    first = "  - {case: c1, owner: Ada, expires: soon}\n"
    second = "  - {case: c2, reson: x, reason: '', owner: A, expires: 2026-12-31}\n"
    found = mistakes(f"cases:\n{first}{second}")
    assert found[0].startswith("quarantine/desk.yaml:2: missing key 'reason'")
    assert any(told.startswith("quarantine/desk.yaml:2: cases.0.expires: ") for told in found)
    assert "quarantine/desk.yaml:3: unknown key 'reson' (did you mean 'reason'?)" in found
    assert any(told.startswith("quarantine/desk.yaml:3: cases.1.reason: ") for told in found)


@pytest.mark.parametrize(("first", "second"), [("", ""), ("", ", metric: f1"), (", metric: f1", "")])
def test_a_case_is_quarantined_once(first: str, second: str):
    text = "cases:\n" + ENTRY.replace("c1", f"c1{first}") + ENTRY.replace("c1", f"c1{second}")
    assert mistakes(text) == ["quarantine/desk.yaml:3: 'c1' is quarantined already, on line 2 (leave one of them out)"]


def test_each_metric_may_be_quarantined_for_itself():
    text = "cases:\n" + ENTRY.replace("c1", "c1, metric: f1") + ENTRY.replace("c1", "c1, metric: em")
    assert len(read_quarantine(parse_yaml(text, "x"))) == 2


def test_an_entry_may_end_ninety_days_ahead_and_no_later():
    [entry] = read_quarantine(parse_yaml("cases:\n" + ENTRY, "x"))
    assert not too_far(entry, date(2026, 10, 2))
    assert too_far(entry, date(2026, 10, 1))
