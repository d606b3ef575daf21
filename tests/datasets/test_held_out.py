"""What is held out: the same cases wherever it is asked, groups whole, never mixed with the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.datasets import Selection, Split, Summary, digest_cases, select
from plimsoll.errors import UsageError
from plimsoll.types import Case, Part


def found(cases: list[Case]) -> Summary:
    return Summary(name="x", cases=len(cases), slices={}, groups=0, fields={}, digest=digest_cases(cases))


def part(cases: list[Case], held_out: float | str, which: Part, *, seed: int = 0, **more: object) -> Selection:
    return select(cases, found(cases), split=Split(held_out, seed, which), **more)  # type: ignore[arg-type]


def ids(chosen: Selection) -> set[str]:
    return {case.id for case in chosen}


def rows(count: int, per_group: int = 0) -> list[Case]:
    return [
        Case(
            id=f"c{n}",
            inputs={"q": str(n)},
            group=f"g{n // per_group}" if per_group else None,
            slices=("hard",) if n % 4 == 0 else ("easy",),
        )
        for n in range(count)
    ]


@given(count=st.integers(30, 80), share=st.floats(0.2, 0.8), seed=st.integers(0, 9), per_group=st.sampled_from([0, 3]))
def test_every_case_is_in_one_part_and_groups_stay_whole(count: int, share: float, seed: int, per_group: int) -> None:
    cases = rows(count, per_group)
    opened = Split(share, seed, Part.OPEN)
    closed = Split(share, seed, Part.HELD_OUT)
    assert all((case in opened) is not (case in closed) for case in cases)
    by_unit = {case.unit: case in closed for case in cases}
    assert all(by_unit[case.unit] is (case in closed) for case in cases)


def test_a_share_holds_out_about_so_many_and_a_larger_one_holds_out_those_too() -> None:
    cases = rows(4000)
    small, large = ids(part(cases, 0.2, Part.HELD_OUT)), ids(part(cases, 0.5, Part.HELD_OUT))
    assert 700 < len(small) < 900
    assert small < large
    assert ids(part(cases, 0.2, Part.HELD_OUT, seed=1)) != small


def test_adding_cases_moves_none() -> None:
    before = ids(part(rows(100), 0.3, Part.HELD_OUT))
    after = ids(part(rows(150), 0.3, Part.HELD_OUT))
    assert before == after & {f"c{n}" for n in range(100)}


def test_a_slice_is_held_out_by_its_name() -> None:
    cases = rows(40)
    assert ids(part(cases, "hard", Part.HELD_OUT)) == {f"c{n}" for n in range(0, 40, 4)}
    assert ids(part(cases, "hard", Part.OPEN)) == {f"c{n}" for n in range(40) if n % 4}


def test_filter_and_sample_are_within_the_part_and_its_digest_is_its_own() -> None:
    cases = rows(200)
    whole = part(cases, 0.5, Part.HELD_OUT)
    sampled = part(cases, 0.5, Part.HELD_OUT, sample=10)
    hard = part(cases, 0.5, Part.HELD_OUT, filters={"slice": "hard"})
    assert len(sampled) == 10
    assert ids(sampled) < ids(whole)
    assert ids(hard) == ids(whole) & {f"c{n}" for n in range(0, 200, 4)}
    assert whole.part is Part.HELD_OUT
    assert whole.digest == digest_cases([case for case in cases if case.id in ids(whole)])
    assert len(part(cases, 0.5, Part.OPEN, sample=500)) == 200 - len(whole)


def test_a_sample_of_a_part_does_not_favour_the_part() -> None:
    # The lowest hashes of the sample would all be held out if both were drawn by one hash.
    cases = rows(1000)
    drawn = select(cases, found(cases), sample=100)
    assert 30 < len(ids(drawn) & ids(part(cases, 0.5, Part.HELD_OUT))) < 70


def test_an_empty_part_is_an_error_with_its_remedy() -> None:
    with pytest.raises(UsageError, match="no case is held out"):
        part(rows(10), "medium", Part.HELD_OUT)
    with pytest.raises(UsageError, match="every case is held out"):
        part([Case(id="a", inputs={}, slices=("all",))], "all", Part.OPEN)


def test_a_filter_tells_nothing_of_the_other_part() -> None:
    with pytest.raises(UsageError, match="no case of the open part has slice=hard") as caught:
        part(rows(40), "hard", Part.OPEN, filters={"slice": "hard"})
    assert "hard" not in (caught.value.remedy or "")
