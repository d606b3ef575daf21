"""What a library does wrong stays its own: it hangs, dies, prints, looks for keys, isn't there."""

import json
import os
import venv
from pathlib import Path

import pytest
from tests.evaluators.adapters.parts import kind, needs

from plimsoll.api import RunOptions, run_suite
from plimsoll.config import Document, Workspace
from plimsoll.errors import PlimsollError
from plimsoll.evaluators import BuildContext, build_evaluators, builtin_evaluators
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply, ScriptedEndpoint
from plimsoll.types import Scored

pytestmark = pytest.mark.long

needs("pydantic_evals")

OWN = '''
import os, sys, time
from dataclasses import dataclass

from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext


@dataclass
class Wild(Evaluator):
    def evaluate(self, ctx: EvaluatorContext) -> bool:
        print("noise", ctx.output)
        if ctx.output == "hang":
            time.sleep(600)
        if ctx.output == "die":
            os._exit(0)
        if ctx.output == "leave":
            sys.exit(0)
        if ctx.output == "nothing":
            return None
        return True


@dataclass
class Surroundings(Evaluator):
    def evaluate(self, ctx: EvaluatorContext) -> str:
        return EvaluationReason(value="told", reason=repr(sorted(os.environ.items())))


@dataclass
class Asking(Evaluator):
    """Asks a model by the environment, as an evaluator that knows nothing of us does."""

    def evaluate(self, ctx: EvaluatorContext) -> bool:
        import openai

        client = openai.OpenAI()
        reply = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": ctx.output}])
        try:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "fail"}])
        except openai.OpenAIError:
            pass  # and goes on as if nothing had been
        return reply.choices[0].message.content == "yes"
'''


@pytest.fixture
def own(bench):
    (bench.root / "evaluators").mkdir(exist_ok=True)
    (bench.root / "evaluators" / "own.py").write_text(OWN)
    return lambda which, **more: {"pydantic_evals": {"evaluator": f"evaluators/own.py:{which}", **more}}


def told(scores):
    return [score.value if isinstance(score, Scored) else kind(score) for score in scores]


def test_a_call_that_hangs_fails_alone(bench, own):
    entry = own("Wild", timeout="2 s")
    found = bench.several(entry, ["hang", *["fine"] * 5], lambda _: "")
    assert [kind(score) if not isinstance(score, Scored) else score.value for score in found] == [
        "timeout",
        *[True] * 5,
    ]


@pytest.mark.parametrize(("output", "expected"), [("die", "worker"), ("leave", "evaluator"), ("nothing", "bad_score")])
def test_a_call_that_breaks_its_process_fails_alone(bench, own, output, expected):
    found = bench.several(own("Wild"), [output, *["fine"] * 5], lambda _: "")
    assert told(found) == [expected, *[True] * 5]


def test_waiting_for_the_model_is_not_the_librarys_time(bench):
    def judging(limit):
        arguments = {"rubric": "Polite."}
        return {"pydantic_evals": {"evaluator": "LLMJudge", "timeout": limit, "arguments": arguments}}

    def polite(delay):
        call = {"name": "final_result", "arguments": json.dumps({"reason": "", "pass": True, "score": 1})}
        return Reply(text=None, tool_calls=[{"id": "1", "type": "function", "function": call}], delay=delay)

    # The first call imports what asks the model, which takes the library's own time.
    assert bench.value(judging("2 min"), "Please.", polite(0)) is True
    assert bench.value(judging("3 s"), "Please.", polite(5)) is True


def test_no_key_and_nothing_else_of_ours_is_in_its_environment(bench, own, monkeypatch):
    keys = ("OPENAI_API_KEY", "MY_TOKEN", "LANGSMITH_API_KEY", "MLFLOW_TRACKING_URI", "DATABASE_URL")
    for name in keys:
        monkeypatch.setenv(name, "of-ours")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://user:of-ours@127.0.0.1:9")
    found = bench.score(own("Surroundings", metrics={"Surroundings": {"kind": "label"}}, name="other"), "x")
    assert "of-ours" not in found.reason
    assert os.environ["HOME"] not in dict(eval(found.reason)).values()  # its own repr
    assert "sk-of-the-suite" not in found.reason


def test_code_that_asks_by_the_environment_asks_the_suites_model(bench, own):
    def answer(request):
        said = request["messages"][-1]["content"]
        return Reply(status=500, body={"error": {"message": "no"}}) if said == "fail" else "yes"

    entry = own("Asking", model="judge")
    before = len(bench.requests)
    found = bench.score(entry, "Is it?", answer)
    assert bench.requests[before].json["model"] == "scripted"
    # It got its answer, and swallowed that another was refused: what it says then is not believed.
    assert kind(found) == "server"
    assert found.usage.requests >= 2
    assert bench.score(entry, "Is it?", "yes").value is True


def test_a_library_that_is_not_there_is_told_with_the_remedy(tmp_path):
    venv.create(tmp_path / "apart", with_pip=False)
    for environments, told in [
        ({"azure": "apart"}, "`uv pip install --python apart azure-ai-evaluation`"),
        ({"azure": "nowhere"}, "`uv venv nowhere`"),
    ]:
        context = BuildContext(root=tmp_path, environments=environments)
        with pytest.raises(PlimsollError) as error:
            build_evaluators(["azure"], builtin_evaluators(), context, Document("suite.yaml", None, {(): 1}))
        assert "evaluator" in str(error.value)
        entry = [{"azure": "F1ScoreEvaluator"}]
        with pytest.raises(PlimsollError) as error:
            build_evaluators(entry, builtin_evaluators(), context, Document("suite.yaml", None, {(): 1}))
        assert told in str(error.value)


def test_an_environment_of_no_library_is_told_with_what_may_be_meant(bench, tmp_path):
    context = BuildContext(root=tmp_path, environments={"pydantic_eval": "apart"})
    entry = [{"pydantic_evals": {"evaluator": "Contains", "arguments": {"value": "x"}}}]
    with pytest.raises(PlimsollError) as error:
        build_evaluators(entry, builtin_evaluators(), context, Document("suite.yaml", None, {(): 1}))
    assert "'pydantic_eval'" in str(error.value)
    assert "did you mean 'pydantic_evals'?" in str(error.value)


ROOTED = """
from dataclasses import dataclass

from beside import LIMIT
from pydantic_evals.evaluators import Evaluator, EvaluatorContext
from shared.limits import GREATEST


@dataclass
class Short(Evaluator):
    def evaluate(self, ctx: EvaluatorContext) -> bool:
        import later

        return LIMIT < len(ctx.output) < GREATEST + later.MORE
"""


def test_a_file_of_ones_own_imports_from_its_folder_and_from_the_root(bench, own):
    for name, text in {
        "evaluators/rooted.py": ROOTED,
        "evaluators/beside.py": "LIMIT = 1",
        "shared/limits.py": "GREATEST = 3",
        "later.py": "MORE = 1",
    }.items():
        (bench.root / name).parent.mkdir(exist_ok=True)
        (bench.root / name).write_text(text)
    entry = {"pydantic_evals": "evaluators/rooted.py:Short"}
    assert [bench.value(entry, "x" * length) for length in (1, 3, 4)] == [False, True, False]
    assert {"imports later.py", "imports shared/limits.py"} <= set(bench.build(entry).identity())


def test_identity_is_the_library_the_settings_the_model_and_the_code(bench, own):
    first = bench.build(own("Wild"))
    assert first.identity()["library"].startswith("pydantic-evals 2.")
    limits = own("Wild", timeout=5, sample=3)
    assert bench.build(limits).identity() == first.identity()
    (bench.root / "evaluators" / "own.py").write_text(OWN + "\n# edited\n")
    assert bench.build(own("Wild", timeout=6)).identity() != first.identity()


SUITE = """\
name: priced
dataset: datasets/priced.jsonl
models:
  main: {provider: openai, model: scripted, base_url: "${OPENAI_BASE_URL}", retries: 0}
targets:
  v1: {prompt: prompts/v1.jinja2, model: main}
evaluators:
  - pydantic_evals: {evaluator: LLMJudge, model: main, name: polite, arguments: {rubric: Polite.}}
  - pydantic_evals: {evaluator: Contains, name: priced, arguments: {value: "£"}}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rows = [{"id": f"c{number}", "question": f"question {number}"} for number in range(3)]
    for name, text in {
        "suites/priced.yaml": SUITE,
        "prompts/v1.jinja2": "{{ question }}",
        "datasets/priced.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Workspace.find(tmp_path)


def test_a_suite_is_scored_once_and_then_from_the_cache(workspace, monkeypatch):
    def answer(request):
        if "tools" not in request:
            return "It is £12."
        call = {"name": "final_result", "arguments": json.dumps({"reason": "kind", "pass": True, "score": 1.0})}
        return Reply(text=None, tool_calls=[{"id": "1", "type": "function", "function": call}])

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ScriptedEndpoint(answer) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        first = run_suite(workspace, "priced", RunOptions(track=False), Silent())
        asked = len(endpoint.requests)
        again = run_suite(workspace, "priced", RunOptions(track=False), Silent())
        assert len(endpoint.requests) == asked == 6
    for ran in (first, again):
        cells = list(ran.report.of_target("v1"))
        assert [told(cell.scores.values()) for cell in cells] == [[True, True]] * 3
