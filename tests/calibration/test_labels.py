"""Labels: what people said, read from every form, with every mistake at its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.calibration.parts import rows, write_labels

from plimsoll.calibration import LabelKind, Labels, compare_by, read_labels
from plimsoll.calibration.comparison import Task
from plimsoll.errors import ConfigError, UsageError
from plimsoll.types import Direction, Metric, MetricKind


def read(tmp_path: Path, given: list[dict[str, Any]], **more: Any) -> Labels:
    return read_labels(write_labels(tmp_path / "labels.jsonl", given), "labels.jsonl", **more)


def test_answer_and_label_are_taken_out_of_the_case(tmp_path: Path) -> None:
    (row,) = read(tmp_path, [{"id": "a", "question": "q", "output": "an answer", "label": True, "group": "g"}]).rows
    assert (row.case.id, row.case.inputs, row.case.group) == ("a", {"question": "q"}, "g")
    assert (row.output.text, row.labels, row.agreed) == ("an answer", (True,), True)


@pytest.mark.parametrize(
    ("label", "kind", "agreed"),
    [
        (3, LabelKind.NUMBER, 3.0),
        (0.5, LabelKind.NUMBER, 0.5),
        (False, LabelKind.TRUTH, False),
        (" good ", LabelKind.TEXT, "good"),
        ([1, 2, 5], LabelKind.NUMBER, 2.0),
        ([1, None, 2], LabelKind.NUMBER, 1.5),
        ([True, True, False], LabelKind.TRUTH, True),
        ([True, False], LabelKind.TRUTH, None),
        (["a", "b", "c"], LabelKind.TEXT, None),
        (["a", "b", "b", "c"], LabelKind.TEXT, "b"),
    ],
)
def test_a_label_is_a_number_a_truth_value_or_a_text_and_several_are_joined(
    tmp_path: Path, label: Any, kind: LabelKind, agreed: Any
) -> None:
    found = read(tmp_path, rows([label]))
    assert (found.kind, found.rows[0].agreed) == (kind, agreed)


def test_csv_cells_say_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text('question,output,label\nq,a,true\nr,b,FALSE\ns,c,"[true, null, false, true]"\n', encoding="utf-8")
    found = read_labels(path, "labels.csv")
    assert found.kind is LabelKind.TRUTH
    assert [row.labels for row in found.rows] == [(True,), (False,), (True, None, False, True)]
    path.write_text("question,output,label\nq,a,4\nr,b,good\n", encoding="utf-8")
    assert [row.labels for row in read_labels(path, "labels.csv").rows] == [("4",), ("good",)]


def test_parquet_is_read_too(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"question": ["q"], "answer": ["a"], "votes": [[1, 2]]}), tmp_path / "labels.parquet")
    found = read_labels(tmp_path / "labels.parquet", "x", output="answer", label="votes")
    assert (found.rows[0].output.text, found.rows[0].labels) == ("a", (1.0, 2.0))


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    given = rows([True, True, 3, True])
    given[1]["output"] = 3
    given[3]["label"] = {"a": 1}
    given.append({"question": "q", "output": "a", "label": " "})
    given.append({"question": "q", "outputs": "a", "label": True})
    with pytest.raises(ConfigError) as found:
        read(tmp_path, given)
    assert [str(mistake) for mistake in found.value.mistakes] == [
        "labels.jsonl:2: the answer 'output' is not a text",
        "labels.jsonl:3: the labels are true or false before this line, and numbers here (write all in one way)",
        "labels.jsonl:4: a label is a number, true, false or a text, not {'a': 1}",
        "labels.jsonl:5: no label: 'label' is empty (label the answer, or leave the row out)",
        "labels.jsonl:6: no answer: no 'output' (did you mean 'outputs'?)",
    ]


def test_the_column_of_the_label_is_found_or_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no column `label` or `labels`"):
        read(tmp_path, [{"question": "q", "output": "a", "verdict": True}])
    with pytest.raises(ConfigError, match="the rows have both"):
        read(tmp_path, [{"question": "q", "output": "a", "label": True, "labels": [True]}])
    assert read(tmp_path, [{"question": "q", "output": "a", "verdict": True}], label="verdict").people == 1


def test_another_label_or_answer_is_another_digest_and_the_order_of_keys_is_not(tmp_path: Path) -> None:
    given = rows([True, False])
    digests = {read(tmp_path, given).digest}
    digests.add(read(tmp_path, [dict(reversed(row.items())) for row in given]).digest)
    assert len(digests) == 1
    digests.add(read(tmp_path, rows([True, True])).digest)
    digests.add(read(tmp_path, [{**row, "output": row["output"] + "!"} for row in given]).digest)
    assert len(digests) == 3


SCALE = Metric(name="m", low=1, high=5, judged=True)
GRADED = Metric(name="m", low=1, high=5, judged=True, pass_if=">= 4")  # a condition
TRUTH = Metric(name="m", kind=MetricKind.BOOL, judged=True)
TOXIC = Metric(name="m", kind=MetricKind.BOOL, direction=Direction.LOWER, judged=True)
LABEL = Metric(name="m", kind=MetricKind.LABEL, labels=("good", "bad", "ugly"), judged=True)


@pytest.mark.parametrize(
    ("metric", "labels", "more", "task", "good"),
    [
        (GRADED, [True, False], {}, Task.VERDICT, [True, False]),
        (SCALE, [True, False], {"threshold": ">= 3"}, Task.VERDICT, [True, False]),
        (GRADED, [5, 2], {}, Task.SCALE, [True, False]),
        (GRADED, [90, 10], {"label_passes": ">= 50"}, Task.SCALE, [True, False]),
        (GRADED, ["yes", "no"], {"label_passes": "yes"}, Task.VERDICT, [True, False]),
        (TRUTH, [True, False], {}, Task.VERDICT, [True, False]),
        (TOXIC, [True, False], {}, Task.VERDICT, [False, True]),
        (LABEL, ["good", "ugly"], {"threshold": "good"}, Task.CATEGORY, [True, False]),
    ],
)
def test_both_sides_say_which_answers_are_good(
    tmp_path: Path, metric: Metric, labels: list[Any], more: dict[str, str], task: Task, good: list[bool]
) -> None:
    read_ones = read(tmp_path, rows(labels))
    found = compare_by(metric, read_ones, **more)
    assert (found.task, found.verdicts) == (task, True)
    assert [found.people_good(row.labels[0]) for row in read_ones.rows if row.labels[0] is not None] == good


def test_without_a_threshold_a_scale_and_labels_have_no_verdicts(tmp_path: Path) -> None:
    assert not compare_by(SCALE, read(tmp_path, rows([1, 5]))).verdicts
    assert not compare_by(LABEL, read(tmp_path, rows(["good", "bad"]))).verdicts
    assert not compare_by(SCALE, read(tmp_path, rows([1, 50]))).same_scale


@pytest.mark.parametrize(
    ("metric", "labels", "more", "said"),
    [
        (
            SCALE,
            [True],
            {},
            "nothing says which values of m are good (--threshold '>= 4', or give the judge a pass_if)",
        ),
        (GRADED, [50], {}, "people's labels are numbers that are not on the scale of m"),
        (GRADED, ["yes"], {}, "people's labels are labels that are not on the scale of m"),
        (LABEL, ["fine"], {"threshold": "good"}, "people's labels are labels that are not on the scale of m"),
        (TRUTH, [1], {}, "people's labels are numbers that are not on the scale of m"),
        (GRADED, [True], {"threshold": "good"}, "the threshold of 'm' must be a comparison with a number"),
        (GRADED, [True], {"label_passes": ">= good"}, "--label-passes: >= compares numbers, not 'good'"),
    ],
)
def test_what_can_not_be_compared_is_refused(
    tmp_path: Path, metric: Metric, labels: list[Any], more: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        compare_by(metric, read(tmp_path, rows(labels)), **more)
    assert said in str(refused.value)


def test_a_hundred_answers_of_one_question_share_its_group(tmp_path: Path) -> None:
    found = read(tmp_path, [{**row, "group": "q1"} for row in rows([True] * 3)])
    assert json.dumps(found.groups) == '["q1", "q1", "q1"]'
