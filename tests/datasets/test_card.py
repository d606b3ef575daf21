"""The card beside a dataset: found, checked, enforced, and what it maps."""

from pathlib import Path

import pytest

from plimsoll.datasets import Card, from_rows, open_dataset
from plimsoll.errors import ConfigError

HEAD = "name: support\ndescription: d\nsource: s\nlicence: MIT\n"


def write(folder: Path, rows: str, card: str, name: str = "x.jsonl") -> Path:
    path = folder / name
    path.write_text(rows, encoding="utf-8")
    (folder / f"{path.stem}.card.yaml").write_text(card, encoding="utf-8")
    return path


def card_of(**fields: dict[str, object]) -> Card:
    return Card.model_validate({"name": "n", "description": "d", "source": "s", "licence": "MIT", "fields": fields})


def test_a_dataset_without_a_card_is_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_text('{"q": "x"}\n', encoding="utf-8")
    dataset = open_dataset(tmp_path / "plain.jsonl")
    assert (dataset.name, dataset.card) == ("plain", None)


def test_a_card_names_the_dataset(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, '{"q": "x"}\n', HEAD + "language: en\n"))
    assert dataset.name == "support"
    assert dataset.card is not None
    assert dataset.card.language == "en"


def test_a_card_without_fields_checks_no_fields(tmp_path: Path) -> None:
    assert open_dataset(write(tmp_path, '{"anything": 1}\n', HEAD)).check().fields == {"anything": 1}


@pytest.mark.parametrize("name", ["x.card.yml", "x.jsonl.card.yaml"])
def test_a_card_under_a_name_that_is_not_read_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.jsonl").write_text('{"q": "x"}\n', encoding="utf-8")
    (tmp_path / name).write_text(HEAD, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        open_dataset(tmp_path / "x.jsonl", "data/x.jsonl")
    assert str(caught.value) == f"data/{name}: {name} is not read as the card of x.jsonl (name it x.card.yaml)"


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("- list\n", "x.card.yaml: a card is a mapping with name, description, source, licence"),
        (HEAD + "fields: {q: {type: strnig}}\n", "x.card.yaml:5: fields.q.type: Input should be 'string'"),
        (HEAD + "fields: {q: {requird: true}}\n", "unknown key 'requird' (did you mean 'required'?)"),
        (
            HEAD + "fields: {weight: {type: string}}\n",
            "weight has a meaning of its own and is number or integer, not string",
        ),
        (HEAD + "fields:\n  a: {column: c}\n  b: {column: c}\n", "a and b both read the column 'c'"),
        (HEAD + "fields:\n  a: {column: b}\n  b: {}\n", "a and b both read the column 'b'"),
        (HEAD + "slices: [hard]\n", "x.card.yaml:5: slices: Input should be"),
        (HEAD + "min_cases: 0\n", "x.card.yaml:5: min_cases: Input should be greater than 0"),
    ],
)
def test_a_wrong_card_says_where(tmp_path: Path, card: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_dataset(write(tmp_path, '{"q": "x"}\n', card), "x.jsonl")
    assert said in str(caught.value)


def test_columns_are_read_as_the_fields_that_the_card_maps(tmp_path: Path) -> None:
    card = HEAD + (
        "fields:\n"
        "  question: {type: string, required: true, column: prompt}\n"
        "  expected: {type: string, required: true, column: answer}\n"
        "  team: {column: group}\n"
    )
    rows = '{"id": 7, "prompt": "Why?", "answer": "So.", "group": "red"}\n'
    (case,) = open_dataset(write(tmp_path, rows, card))
    assert (case.id, case.inputs, case.expected, case.group) == ("7", {"question": "Why?", "team": "red"}, "So.", None)


def test_a_mapped_column_that_is_missing_is_named_as_the_file_has_it() -> None:
    card = card_of(question={"required": True, "column": "prompt"})
    with pytest.raises(ConfigError) as caught:
        from_rows([{"prmpt": "x"}, {"question": "x", "prompt": "y"}], card=card).check()
    assert str(caught.value).splitlines() == [
        "data:1: unknown field 'prmpt' (did you mean 'prompt'?)",
        "data:2: unknown field 'question' (the card reads 'question' from the column 'prompt')",
    ]


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("string", "", 5),
        ("number", 5, True),
        ("number", 2.5, "2.5"),
        ("integer", 5, 5.5),
        ("boolean", False, 0),
        ("list", [], {}),
        ("object", {}, []),
    ],
)
def test_a_declared_type_lets_only_its_values_pass(declared: str, good: object, bad: object) -> None:
    card = card_of(q={}, value={"type": declared})
    (case,) = from_rows([{"q": "x", "value": good}], card=card)
    assert case.inputs["value"] == good
    with pytest.raises(ConfigError, match="field 'value' is "):
        from_rows([{"q": "x", "value": bad}], card=card).check()


def test_a_whole_float_in_an_integer_field_is_that_integer() -> None:
    card = card_of(n={"type": "integer"})
    one, other = from_rows([{"n": 5.0}], card=card), from_rows([{"n": 5}], card=card)
    assert one.check().digest == other.check().digest


def test_null_is_absent_so_that_a_required_field_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"^data:1: missing field 'q'$"):
        from_rows([{"q": None, "other": "x"}], card=card_of(q={"required": True}, other={})).check()


def test_reserved_fields_need_no_mention_in_the_card() -> None:
    row = {"id": "a", "q": "x", "expected": "y", "group": 3, "slices": ["s"], "weight": 2, "pass_if": {"f1": 0.5}}
    (case,) = from_rows([row], card=card_of(q={}))
    assert (case.group, case.weight, case.pass_if) == ("3", 2.0, {"f1": ">= 0.5"})


def test_slices_that_the_card_requires_may_come_from_any_case() -> None:
    card = Card.model_validate(
        {"name": "n", "description": "d", "source": "s", "licence": "MIT", "slices": {"required": ["a", "b"]}}
    )
    rows = [{"q": 1, "slices": ["a"]}, {"q": 2, "slices": ["b", "a"]}]
    assert from_rows(rows, card=card).check().slices == {"a": 2, "b": 1}
    told = r"no case is in the slice 'b', which the card requires \(restore its cases, or edit"
    with pytest.raises(ConfigError, match=told):
        from_rows(rows[:1], card=card).check()


def test_a_slice_of_a_row_that_is_wrong_otherwise_counts_as_seen() -> None:
    card = Card.model_validate(
        {"name": "n", "description": "d", "source": "s", "licence": "MIT", "slices": {"required": ["a"]}}
    )
    with pytest.raises(ConfigError) as caught:
        from_rows([{"q": 1, "slices": ["a"], "weight": -1}], card=card).check()
    assert str(caught.value) == "data:1: weight is -1; a weight is positive and finite"


def test_a_missing_field_is_told_unless_a_misspelt_one_asks_for_it() -> None:
    card = card_of(question={"required": True}, expected={"required": True})
    with pytest.raises(ConfigError) as caught:
        from_rows([{"questoin": "x"}, {"question": "x", "expcted": "y", "epxected": "z"}], card=card).check()
    assert str(caught.value).splitlines() == [
        "data:1: unknown field 'questoin' (did you mean 'question'?)",
        "data:1: missing field 'expected'",
        "data:2: unknown field 'expcted' (did you mean 'expected'?)",
        "data:2: unknown field 'epxected' (did you mean 'expected'?)",
    ]
