"""Functions of the workspace as evaluators: loading, filling parameters, what they may give."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from plimsoll.config import Document
from plimsoll.errors import ConfigError, FailureKind, UsageError
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, discover, score
from plimsoll.evaluators.functions.source import functions_of
from plimsoll.targets.imports import digests_of_code
from plimsoll.types import Case, Failed, Metric, MetricKind, Output, Score, Scored, Skipped

OUTPUT = Output(text="It is £12.", value={"price": 12}, extra={"documents": ["£12"]})
CASE = Case(id="c1", inputs={"question": "How much?", "limit": 3}, expected="£12")


def write(root: Path, text: str, name: str = "own.py") -> None:
    folder = root / "evaluators"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(dedent(text), encoding="utf-8")


def build(root: Path, *entries: Any) -> tuple[Evaluator, ...]:
    return build_evaluators(list(entries), discover(root), BuildContext(root), Document("suites/s.yaml", None, {(): 1}))


def scores(evaluator: Evaluator, case: Case = CASE, output: Output = OUTPUT) -> dict[str, Score]:
    return asyncio.run(score(evaluator, case, output))


def score_of(root: Path, text: str, entry: Any, case: Case = CASE) -> Score:
    write(root, text)
    (evaluator,) = build(root, entry)
    (found,) = scores(evaluator, case).values()
    return found


def mistakes(root: Path, text: str, entry: Any) -> list[str]:
    write(root, text)
    with pytest.raises(ConfigError) as caught:
        build(root, entry)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("signature", "body", "value"),
    [
        ("output) -> bool", "output == 'It is £12.'", True),
        ("output: str) -> bool", "isinstance(output, str)", True),
        ("value) -> float", "value['price'] / 100", 0.12),
        ("case) -> str", "case.id", "c1"),
        ("question, expected) -> str", "f'{question} {expected}'", "How much? £12"),
        ("output, *, limit: int) -> int", "limit", 3.0),
        ("output, tone='plain') -> str", "tone", "plain"),
        ("output, limit=9) -> int", "limit", 3.0),
        ("output: 'Output') -> float", "output.value['price']", 12.0),
        ("output) -> Literal['a', 'b']", "'a'", "a"),
        ("output) -> bool | None", "True", True),
        ("output) -> Optional[float]", "0.5", 0.5),
    ],
)
def test_parameters_are_filled_by_name_and_the_annotation_gives_the_kind(
    tmp_path: Path, signature: str, body: str, value: Any
) -> None:
    text = f"""
        from __future__ import annotations
        from typing import Literal, Optional
        from plimsoll.types import Output

        def own({signature}:
            return {body}
    """
    found = score_of(tmp_path, text, "own")
    assert isinstance(found, Scored), found
    assert found.value == value


def test_an_async_function_is_awaited(tmp_path: Path) -> None:
    text = """
        import asyncio
        async def own(output) -> bool:
            await asyncio.sleep(0)
            return True
    """
    assert score_of(tmp_path, text, "own") == Scored(value=True, passed=True)


def test_settings_rename_map_fields_and_fix_arguments(tmp_path: Path) -> None:
    text = """
        def own(output, wanted, limit, documents) -> str:
            return f"{wanted} {limit} {documents}"
    """
    entry = {
        "own": {
            "name": "other",
            "fields": {"wanted": "expected", "documents": "output.documents"},
            "arguments": {"limit": 7},
            "pass_if": "£12 7 ['£12']",
        }
    }
    write(tmp_path, text)
    (evaluator,) = build(tmp_path, entry)
    assert evaluator.requires == {"expected", "output.documents"}
    assert evaluator.reusable
    assert scores(evaluator) == {"other": Scored(value="£12 7 ['£12']", passed=True)}


def test_declared_metrics_are_named_after_the_evaluator(tmp_path: Path) -> None:
    text = """
        from plimsoll.evaluators import metrics
        from plimsoll.types import Metric, Scored

        @metrics(Metric(name="precision", low=0, high=1), Metric(name="recall", low=0, high=1))
        def overlap(output):
            return {"precision": 0.5, "recall": Scored(value=2.0)}

        @metrics(Metric(name="whatever", low=0, high=1))
        def share(output):
            return Scored(value=0.5, reason="half")
    """
    write(tmp_path, text)
    overlap, share = build(tmp_path, {"overlap": {"name": "pr", "pass_if": {"precision": ">= 0.4"}}}, "share")
    assert [metric.name for metric in overlap.metrics] == ["pr.precision", "pr.recall"]
    found = scores(overlap)
    assert found["pr.precision"] == Scored(value=0.5, passed=True)
    assert isinstance(found["pr.recall"], Failed)
    assert found["pr.recall"].failure.message == "pr.recall is 2, outside [0, 1]"
    assert share.metrics == (Metric(name="share", low=0, high=1),)
    assert scores(share) == {"share": Scored(value=0.5, reason="half")}


def test_a_field_that_the_case_lacks_fails_or_is_skipped(tmp_path: Path) -> None:
    text = "def own(output, source) -> bool:\n    return True\n"
    found = score_of(tmp_path, text, "own")
    assert isinstance(found, Failed)
    assert found.failure.kind is FailureKind.MISSING_FIELD
    assert score_of(tmp_path, text, {"own": {"optional": True}}) == Skipped(reason="the case has no 'source'")


@pytest.mark.parametrize("body", ["raise StopIteration('over')", "import sys; sys.exit(0)", "1 / 0"])
def test_whatever_a_function_raises_is_its_failure(tmp_path: Path, body: str) -> None:
    found = score_of(tmp_path, f"def own(output) -> bool:\n    {body}\n", "own")
    assert isinstance(found, Failed)
    assert found.failure.kind is FailureKind.EVALUATOR
    assert found.failure.message.startswith("evaluator 'own': ")


def test_a_function_that_never_returns_is_given_up_and_holds_up_nothing(tmp_path: Path) -> None:
    write(tmp_path, "import time\ndef own(output) -> bool:\n    time.sleep(20)\n    return True\n")
    (evaluator,) = build(tmp_path, {"own": {"timeout": 0.1}})
    started = time.monotonic()
    (found,) = scores(evaluator).values()
    assert time.monotonic() - started < 10
    assert isinstance(found, Failed)
    assert found.failure.message == "own: no score within 0.1 s"


def test_functions_run_beside_each_other(tmp_path: Path) -> None:
    text = """
        import threading
        BOTH = threading.Barrier(2, timeout=15)
        def own(output) -> bool:
            BOTH.wait()
            return True
    """
    write(tmp_path, text)
    (evaluator,) = build(tmp_path, "own")

    async def twice() -> list[dict[str, Score]]:
        return await asyncio.gather(*(score(evaluator, CASE, OUTPUT) for _ in range(2)))

    assert asyncio.run(twice()) == [{"own": Scored(value=True, passed=True)}] * 2


@pytest.mark.parametrize(
    ("signature", "reusable"),
    [("output", True), ("output, expected", True), ("output, case", False), ("output, tone='a'", False)],
)
def test_scores_are_reused_only_where_their_key_sees_all_that_is_read(
    tmp_path: Path, signature: str, reusable: bool
) -> None:
    write(tmp_path, f"def own({signature}) -> bool:\n    return True\n")
    (evaluator,) = build(tmp_path, "own")
    assert evaluator.reusable is reusable


def test_the_identity_follows_the_source_and_the_settings_but_not_the_threshold(tmp_path: Path) -> None:
    def identity(body: str, **settings: Any) -> dict[str, Any]:
        write(tmp_path, f"def own(output, limit=1) -> int:\n    return {body}\n")
        return build(tmp_path, {"own": settings})[0].identity()

    first = identity("1")
    assert identity("2") != first
    assert identity("1", arguments={"limit": 2}) != first
    assert identity("1", pass_if=">= 3") == first
    assert identity("1", timeout="5 s") == first


def test_a_function_is_named_by_its_place_too(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.py").write_text("def brief(output) -> bool:\n    return len(output) < 99\n")
    short, full = build(
        tmp_path, {"function": "more/x.py:brief"}, {"function": {"function": "more/x.py:brief", "name": "again"}}
    )
    assert scores(short) == {"brief": Scored(value=True, passed=True)}
    assert full.name == "again"


def test_only_public_functions_defined_there_are_found_and_no_code_runs(tmp_path: Path) -> None:
    text = '''
        from os.path import join
        raise RuntimeError("not run by looking")

        def shown(output) -> bool:
            """Whether it is.

            At length.
            """

        async def later(output) -> bool: ...
        def _hidden(output) -> bool: ...
        helper = lambda output: True

        class Thing:
            def method(self): ...
    '''
    write(tmp_path, text)
    write(tmp_path, "def nothing(): ...", "_private.py")
    found = functions_of(tmp_path)
    assert {name: (each.reference, each.line, each.about.summary) for name, each in found.items()} == {
        "shown": ("evaluators/own.py:shown", 5, "Whether it is."),
        "later": ("evaluators/own.py:later", 11, ""),
    }


def test_every_file_that_is_not_python_and_every_name_given_twice_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "def own(output) -> bool: ...\n", "a.py")
    write(tmp_path, "\ndef own(output) -> bool: ...\n", "b.py")
    write(tmp_path, "x = 1\ndef broken(:\n", "c.py")
    with pytest.raises(ConfigError) as caught:
        discover(tmp_path)
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        (
            "evaluators/b.py:2: a second evaluator named 'own'; the first is at evaluators/a.py:1 "
            "(rename one, or start its name with _)"
        ),
        "evaluators/c.py:2: not valid Python: invalid syntax",
    ]


def test_a_function_may_not_take_a_built_in_name(tmp_path: Path) -> None:
    write(tmp_path, "\ndef contains(output) -> bool: ...\n")
    with pytest.raises(ConfigError) as caught:
        discover(tmp_path)
    assert str(caught.value) == (
        "evaluators/own.py:2: there is an evaluator named 'contains' already (rename it, or start its name with _)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere_to_be_found\n", "evaluators/own.py:1: can't be imported: ModuleNotFoundError"),
        ("\n\nRATE = 1 / 0\n", "evaluators/own.py:3: can't be imported: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)\n", "evaluators/own.py:2: can't be imported: SystemExit: 0"),
    ],
)
def test_a_file_that_can_not_be_imported_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (found,) = mistakes(tmp_path, text + "def own(output) -> bool: ...\n", "own")
    assert found.startswith(message)


def test_what_is_wrong_with_a_function_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        "\ndef own(output, *rest, tone='a'):\n    return 1\n",
        {"own": {"fields": {"tune": "x"}, "arguments": {"tome": 1}}},
    )
    assert found == [
        (
            "evaluators/own.py:2: own: the parameter '*rest' can't be filled by name "
            "(name each field that the function reads)"
        ),
        (
            "evaluators/own.py:2: own: its return annotation doesn't say what it gives "
            "(annotate -> bool, float or str; for a range, a Score or several metrics use "
            "@plimsoll.evaluators.metrics(Metric(...)))"
        ),
        "suites/s.yaml:1: fields: own has no parameter 'tune' (did you mean 'tone'?)",
        "suites/s.yaml:1: arguments: own has no parameter 'tome' (did you mean 'tone'?)",
    ]


def test_annotations_that_can_not_be_read_are_told(tmp_path: Path) -> None:
    text = "from __future__ import annotations\ndef own(output) -> Unknown: ...\n"
    (found,) = mistakes(tmp_path, text, "own")
    assert found == "evaluators/own.py:2: own: its annotations can't be read: name 'Unknown' is not defined"


def test_a_place_that_is_not_there_is_told_at_the_suites_line(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, "def brief(output) -> bool: ...\n", {"function": "evaluators/own.py:breif"})
    assert found == "suites/s.yaml:1: evaluators/own.py has no function 'breif' (did you mean 'brief'?)"


def test_a_function_without_a_signature_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, {"function": "builtins:min"})
    assert str(caught.value.mistakes[0]) == (
        "builtins: min: its parameters can't be read (wrap it in a function of your own)"
    )


def test_a_declaration_needs_names_of_its_own() -> None:
    from plimsoll.evaluators import metrics

    with pytest.raises(ValueError, match="at least one metric"):
        metrics()
    with pytest.raises(ValueError, match="a name of its own"):
        metrics(Metric(name="a"), Metric(name="a", kind=MetricKind.BOOL))


def test_a_name_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no evaluator named 'nothing'"):
        discover(tmp_path)["nothing"]


def test_the_identity_is_over_the_file_and_what_it_imports_of_the_workspace(tmp_path: Path):
    own = "import _words\nfrom .deep import more\nimport json, gone\ndef short(output: str) -> bool: return True\n"
    files = {"_words.py": "import deep.last", "deep/more.py": "", "deep/last.py": "", "other.py": ""}

    def identity(**changed: str) -> str:
        write(tmp_path, own)
        for name, text in {**files, **changed}.items():
            (tmp_path / "evaluators" / name).parent.mkdir(exist_ok=True)
            write(tmp_path, text, name)
        source = tmp_path / "evaluators" / "own.py"
        return repr(digests_of_code(source, tmp_path))

    same = identity()
    for name in ("_words.py", "deep/more.py", "deep/last.py"):
        assert identity(**{name: "import deep.last\nX = 1"}) != same
    assert identity(**{"other.py": "X = 1"}) == same
    assert identity() == same


def test_scores_are_owed_again_when_a_helper_was_edited(tmp_path: Path):
    write(tmp_path, "LIMIT = 3", "_words.py")
    write(tmp_path, "import _words\ndef short(output: str) -> bool:\n    return len(output.split()) <= _words.LIMIT\n")
    (before,) = build(tmp_path, "short")
    write(tmp_path, "LIMIT = 2", "_words.py")
    (after,) = build(tmp_path, "short")
    assert before.identity() != after.identity()
    assert [value.value for value in scores(before).values() if isinstance(value, Scored)] == [True]
    assert [value.value for value in scores(after).values() if isinstance(value, Scored)] == [False]
