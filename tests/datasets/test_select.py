"""Samples and filters."""

import hashlib
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.datasets import Selection, Summary, digest_cases, filter_cases, from_rows, select
from plimsoll.errors import UsageError
from plimsoll.types import Case

CASES = tuple(
    from_rows(
        [
            {"id": "a", "q": "x", "slices": ["hard"], "group": "one", "year": 2020, "tags": ["red", "blue"]},
            {"id": "b", "q": "y", "slices": ["hard", "easy"], "group": "two", "flag": True, "expected": "no"},
            {"id": "c", "q": "x", "slices": ["easy"], "group": "one", "score": 0.5},
        ]
    )
)


def ids(cases: Iterable[Case]) -> list[str]:
    return [case.id for case in cases]


def found(cases: list[Case]) -> Summary:
    return Summary(name="x", cases=len(cases), slices={}, groups=0, fields={}, digest=digest_cases(cases))


def sample(cases: list[Case], n: int, seed: int) -> Selection:
    return select(cases, found(cases), sample=n, seed=seed)


def numbered(count: int) -> list[Case]:
    return [Case(id=str(number), inputs={}) for number in range(count)]


@given(count=st.integers(1, 60), n=st.integers(1, 70), seed=st.integers(-5, 5))
def test_a_sample_is_the_lowest_hashes_in_the_datasets_order(count: int, n: int, seed: int) -> None:
    cases = numbered(count)
    lowest = sorted(cases, key=lambda case: hashlib.sha256(f"{seed}:{case.id}".encode()).hexdigest())[:n]
    drawn = sample(cases, n, seed)
    assert list(drawn) == list(drawn) == [case for case in cases if case in lowest]
    assert len(drawn) == len(lowest)
    assert drawn.digest == digest_cases(lowest)


def test_a_sample_depends_on_seed_and_ids_only() -> None:
    cases = numbered(50)
    assert set(ids(sample(cases[::-1], 10, 0))) == set(ids(sample(cases, 10, 0)))
    assert ids(sample(cases, 10, 0)) != ids(sample(cases, 10, 1))
    kept = set(ids(sample([*cases, Case(id="new", inputs={})], 10, 0))) & set(ids(sample(cases, 10, 0)))
    assert len(kept) >= 9


def test_a_dataset_can_be_sampled_itself() -> None:
    dataset = from_rows([{"q": number} for number in range(5)])
    assert len(list(select(dataset, dataset.check(), sample=3))) == 3


def test_the_whole_is_selected_without_reading_it() -> None:
    def unread() -> Iterator[Case]:
        raise AssertionError
        yield

    whole = found(numbered(3))
    for selection in (select(unread(), whole), select(unread(), whole, sample=3)):
        assert (len(selection), selection.digest) == (3, whole.digest)


def test_a_sample_is_drawn_from_what_the_filters_keep() -> None:
    hard = [Case(id=str(number), inputs={}, slices=("hard",) if number % 3 == 0 else ()) for number in range(60)]
    kept = list(filter_cases(hard, {"slice": "hard"}))
    drawn = select(hard, found(hard), filters={"slice": "hard"}, sample=5, seed=7)
    assert list(drawn) == list(sample(kept, 5, 7))
    every = select(hard, found(hard), filters=[("slice", "hard")])
    assert (list(every), len(every), every.digest) == (kept, 20, digest_cases(kept))
    assert list(select(hard, found(hard), filters=[("slice", "hard")], sample=100)) == kept


def test_a_selection_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no case has slice=none"):
        select(CASES, found(list(CASES)), filters={"slice": "none"}, sample=1)


@dataclass(frozen=True)
class Made:
    """Cases that are made as they are read."""

    count: int

    def __iter__(self) -> Iterator[Case]:
        for number in range(self.count):
            yield Case(id=str(number), inputs={"q": f"{number} {'x' * 500}"}, digest=f"sha256:{number:064}")


def test_selecting_holds_no_cases() -> None:
    made = Made(5000)
    summary = Summary(name="x", cases=5000, slices={}, groups=0, fields={}, digest="")
    tracemalloc.start()
    few = select(made, summary, sample=100)
    most = select(made, summary, sample=4999)
    read = sum(1 for _ in few) + sum(1 for _ in most)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == 5099
    # The cases hold 5 MB.
    assert peak < 2_500_000


@pytest.mark.parametrize("n", [0, -1])
def test_a_sample_of_nothing_is_refused(n: int) -> None:
    with pytest.raises(UsageError, match=f"a sample of {n} cases can't be drawn"):
        sample(list(CASES), n, 0)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"slice": "hard"}, ["a", "b"]),
        ([("slice", "hard"), ("slice", "easy")], ["b"]),
        ({"group": "one", "q": "x"}, ["a", "c"]),
        ({"id": "c"}, ["c"]),
        ({"year": "2020"}, ["a"]),
        ({"flag": "true"}, ["b"]),
        ({"score": "0.5"}, ["c"]),
        ({"tags": "blue"}, ["a"]),
        ({"expected": "no"}, ["b"]),
    ],
)
def test_a_filter_keeps_the_cases_that_have_every_value(
    filters: dict[str, str] | list[tuple[str, str]], expected: list[str]
) -> None:
    assert ids(filter_cases(CASES, filters)) == expected


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"slcie": "hard"}, "no case has a field 'slcie' to filter by (did you mean 'slice'?)"),
        (
            {"zz": "hard"},
            "no case has a field 'zz' to filter by (known: expected, flag, group, id, q, score, slice, tags, year)",
        ),
        ({"slice": "hadr"}, "no case has slice=hadr (did you mean 'hard'?)"),
        ({"group": "nine"}, "no case has group=nine (values of group: 'one', 'two')"),
        ({"year": "1999"}, "no case has year=1999 (values of year: '2020')"),
        ({"id": "a", "flag": "true"}, "no case has id=a and flag=true at once (each alone occurs)"),
    ],
)
def test_a_filter_that_nothing_matches_says_what_there_is(filters: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(filter_cases(CASES, filters))
    assert str(caught.value) == said


def test_a_filter_over_many_values_lists_a_few() -> None:
    with pytest.raises(UsageError) as caught:
        list(filter_cases(numbered(2000), {"id": "none of them"}))
    assert str(caught.value).startswith("no case has id=none of them (values of id: '0', '1', '10', ")
    assert str(caught.value).endswith(", …)")
    assert ids(filter_cases(numbered(2000), {"id": "1999"})) == ["1999"]


def test_a_filter_streams() -> None:
    def endless() -> Iterator[Case]:
        while True:
            yield CASES[0]

    assert next(filter_cases(endless(), {"slice": "hard"})) is CASES[0]
