"""What is wrong with a prompt file is told when it is loaded: with file, line and remedy, all at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.errors import ConfigError, UsageError
from plimsoll.prompts import load_prompt

DATA = Path(__file__).parent / "data"
HEAD = "---\nname: x\ninputs:\n  question: {type: string}\n---\n"


def mistakes_of(path, environ=None):
    with pytest.raises(ConfigError) as caught:
        load_prompt(path, f"prompts/{path.name}", environ=environ or {})
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="p.prompty"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def test_a_prompty_tells_its_name_inputs_parameters_model_and_files():
    environ = {"PROMPT_TEST_STOP": "END", "PROMPT_TEST_MODEL": "tiny", "PROMPT_TEST_KEY": "k"}
    prompt = load_prompt(DATA / "tools.prompty", environ=environ)
    assert prompt.name == "Tools"
    assert [path.name for path in prompt.files] == ["tools.prompty", "tools.json"]
    assert {name: found.type for name, found in prompt.inputs.items()} == {
        "question": "string",
        "calls": "list",
        "results": "list",
    }
    assert prompt.parameters["stop"] == ["END"]
    assert prompt.parameters["tool_choice"] == "auto"
    assert prompt.parameters["tools"][0]["function"]["name"] == "weather"
    assert prompt.configuration["model"] == "${env:PROMPT_TEST_MODEL}"
    assert prompt.model_configuration(environ) == {"type": "openai", "model": "tiny", "api_key": "k"}


def test_streaming_is_dropped_and_a_schema_file_is_read():
    prompt = load_prompt(DATA / "schema.prompty")
    assert "stream" not in prompt.parameters
    assert prompt.parameters["response_format"]["json_schema"]["schema"]["required"] == ["grade"]
    assert prompt.outputs == {"grade": {"type": "int"}}
    assert [path.name for path in prompt.files] == ["schema.prompty", "schema.yaml", "schema.sample.json"]


def test_a_models_variable_is_asked_for_only_when_the_model_is_used(write):
    prompt = load_prompt(
        write("---\nmodel:\n  configuration: {api_key: '${env:NO_SUCH}'}\n---\nuser:\nhi"), "p.prompty"
    )
    with pytest.raises(UsageError) as caught:
        prompt.model_configuration({})
    assert str(caught.value) == (
        "p.prompty: model.configuration.api_key needs the environment variable NO_SUCH, which is not set "
        "(export NO_SUCH=…, or write it into .env)"
    )


def test_a_bare_template_tells_which_variables_it_reads_and_needs(write):
    path = write(
        "{% for item in chat_history %}{{ item.role }}:\n{{ item.content }}\n{% endfor %}"
        "user:\n{{ question }} {{ tone | default('plain') }} {% if hint is defined %}{{ range(2) }}{% endif %}",
        "chat.v2.jinja2",
    )
    prompt = load_prompt(path)
    assert prompt.name == "chat.v2"
    assert {name: found.required for name, found in prompt.inputs.items()} == {
        "chat_history": True,
        "hint": False,
        "question": True,
        "tone": False,
    }
    assert prompt.inputs["question"].line == 4


def test_included_files_are_listed_and_their_loop_variables_are_no_inputs(write):
    write("{{ item }} of {{ place }}\n![image](dot.png)\n", "parts/line.j2")
    (write("", "empty.txt").parent / "dot.png").write_bytes((DATA / "dot.png").read_bytes())
    path = write("user:\n{% for item in things %}{% include 'parts/line.j2' %}{% endfor %}", "main.j2")
    prompt = load_prompt(path)
    assert sorted(prompt.inputs) == ["place", "things"]
    assert [file.name for file in prompt.files] == ["main.j2", "line.j2", "dot.png"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: x\n",
            ["prompts/p.prompty:1: no front matter (a prompty begins with a line ---, YAML, and a line ---)"],
        ),
        (
            "\n---\nname: x\n",
            ["prompts/p.prompty:2: the front matter has no end (put a line --- before the template)"],
        ),
        ("---\n- a\n---\nuser:\n", ["prompts/p.prompty:2: the front matter is not a mapping of keys"]),
        (
            "---\nname: x\nmodel:\n  api: chart\n---\nuser:\nhi",
            ["prompts/p.prompty:4: model.api: unknown api 'chart'; known: chat"],
        ),
        (
            "---\nmodel:\n  api: completion\n---\nuser:\nhi",
            ["prompts/p.prompty:3: model.api: completion endpoints are not called; write `api: chat`"],
        ),
        (
            "---\nmodle: {}\nmodel:\n  paramters: {}\n---\nuser:\nhi",
            [
                "prompts/p.prompty:2: unknown key 'modle' (did you mean 'model'?)",
                "prompts/p.prompty:4: unknown key 'paramters' (did you mean 'parameters'?)",
            ],
        ),
        (
            "---\ntemplate: mustache\n---\nuser:\nhi",
            ["prompts/p.prompty:2: template: unknown template format 'mustache'; known: jinja2"],
        ),
        (HEAD + "user:\n{{ question }\n", ["prompts/p.prompty:7: unexpected '}'"]),
        (HEAD + "user:\n\n{{ question | uper }}\n", ["prompts/p.prompty:8: No filter named 'uper'."]),
        (
            HEAD + "user:\n{{ qestion }}\n",
            [
                (
                    "prompts/p.prompty:7: the template uses 'qestion', which the front matter does not declare "
                    "(did you mean 'question'?)"
                )
            ],
        ),
        (
            HEAD + "\nYou are helpful.\nuser:\n",
            ["prompts/p.prompty:7: text before the first role marker (begin with a line that says system:)"],
        ),
        (
            HEAD + "User: hi\n",
            ["prompts/p.prompty:6: a role marker stands alone on its line (begin with a line that says user:)"],
        ),
        (
            HEAD + "sytem:\nhi\nuesr:\n# assistnat:\n",
            [
                f"prompts/p.prompty:{line}: {word}: looks like a misspelt role (write {role}:, or put something else "
                "on the line where it is meant as text)"
                for line, word, role in [(6, "sytem", "system"), (8, "uesr", "user"), (9, "assistnat", "assistant")]
            ],
        ),
        (
            HEAD + "user:\n![image](no.png)\n",
            [
                (
                    "prompts/p.prompty:7: the image 'no.png' can't be read: No such file or directory "
                    "(a path is relative to the prompt's folder)"
                )
            ],
        ),
        (
            HEAD + "user:\n![image](p.prompty)\n",
            [
                (
                    "prompts/p.prompty:7: 'p.prompty' is not a PNG, JPEG, GIF, WebP or BMP image "
                    "(a path is relative to the prompt's folder)"
                )
            ],
        ),
        (
            (
                "---\nmodel:\n  parameters:\n    tools: ${file:tool.json}\n    stop: ${env:NO_SUCH}\n"
                "    seed: ${env:SEED}0\n---\nuser:\nhi"
            ),
            [
                "prompts/p.prompty:4: model.parameters.tools: the file 'tool.json' does not exist (known: p.prompty)",
                (
                    "prompts/p.prompty:5: model.parameters.stop: the environment variable NO_SUCH is not set "
                    "(export NO_SUCH=…, or write it into .env)"
                ),
                "prompts/p.prompty:6: model.parameters.seed: '${env:SEED}0': a reference must be the whole value",
            ],
        ),
        (
            (
                "---\nmodel:\n  parameters:\n    tools:\n      - {type: function}\n"
                "      - {type: function, function: {name: f, parameters: {type: array}}}\n"
                "      - {type: function, function: {name: f, parameters: {type: object}}}\n      - 1\n"
                "    tool_choice: {type: function}\n---\nuser:\nhi"
            ),
            [
                "prompts/p.prompty:5: tools[0]: lacks function",
                "prompts/p.prompty:6: tools[1]: the function's parameters must be a JSON Schema of type object",
                "prompts/p.prompty:7: tools[2]: the function's parameters need properties, a mapping (it may be empty)",
                "prompts/p.prompty:8: tools[3]: not a mapping with type and function",
                (
                    "prompts/p.prompty:9: tool_choice must be one of auto, none, required, or name a function "
                    "(write {type: function, function: {name: …}})"
                ),
            ],
        ),
        (
            "---\nmodel: {parameters: {functions: []}}\nsample: other.json\n---\nuser:\nhi",
            [
                "prompts/p.prompty:2: functions must be a list of at least one definition",
                "prompts/p.prompty:3: the sample file 'other.json' does not exist",
            ],
        ),
    ],
)
def test_a_mistake_in_a_prompty_is_told_with_its_line(write, text, expected):
    assert mistakes_of(write(text)) == expected


def test_broken_yaml_and_a_broken_template_are_told_together(write):
    told = mistakes_of(write("---\nname: [x\n---\nuser:\n{% if %}"))
    assert [line.split(" ", 1)[0] for line in told] == ["prompts/p.prompty:3:", "prompts/p.prompty:5:"]
    assert told[0].startswith("prompts/p.prompty:3: not valid YAML: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "user:\n{% include 'no.j2' %}",
            "prompts/p.j2:2: includes 'no.j2', which does not exist (did you mean 'p.j2'?)",
        ),
        (
            "user:\n\n{% include '../up.j2' %}",
            "prompts/p.j2:3: includes '../up.j2', which is not inside the prompt's folder (keep it beside the prompt)",
        ),
        (
            "{% import name as lib %}",
            (
                "prompts/p.j2:1: import names its file by an expression, so its files can't be known "
                "(write the name out, inside {% if %} where it depends)"
            ),
        ),
        (
            "Hello.\nuser:\nhi",
            "prompts/p.j2:1: text before the first role marker (begin with a line that says system:)",
        ),
        ("user:\n{{ x | random }}", "prompts/p.j2:2: No filter named 'random'."),
        ("a\nb\ufdd0", "prompts/p.j2:2: holds a Unicode noncharacter (U+FDD0 to U+FDD3)"),
    ],
)
def test_a_mistake_in_a_bare_template_is_told_with_its_line(write, text, expected):
    assert mistakes_of(write(text, "p.j2")) == [expected]


def test_a_mistake_in_an_included_file_names_that_file(write):
    write("\n{% endif %}", "lib/part.j2")
    told = mistakes_of(write("user:\n{% include 'lib/part.j2' %}", "p.j2"))
    assert told[0].startswith("prompts/lib/part.j2:2: Encountered unknown tag 'endif'.")


def test_a_link_that_leaves_the_folder_is_not_followed(write, tmp_path):
    secret = write("secret", "outside/secret.j2")
    path = write("user:\n{% include 'link.j2' %}", "inside/p.j2")
    (tmp_path / "inside" / "link.j2").symlink_to(secret)
    assert mistakes_of(path) == [
        "prompts/p.j2:2: includes 'link.j2', which is not inside the prompt's folder (keep it beside the prompt)"
    ]


def test_a_suffix_that_is_no_prompt_is_refused(write):
    assert mistakes_of(write("hi", "p.txt")) == [
        "prompts/p.txt: not a prompt file: p.txt (its name ends in .prompty, .jinja2, .j2, .jinja)"
    ]


@pytest.mark.parametrize("line", ["Users:", "Tools:", "Functions:", "Use:", "Pool:", "Notes:", "system prompt:"])
def test_a_heading_that_only_resembles_a_role_is_text(write, line):
    prompt = load_prompt(write(f"user:\n{line}\n- one\n", "p.j2"))
    assert prompt.render({}) == ({"role": "user", "content": f"{line}\n- one"},)


def test_the_body_may_hold_lines_of_dashes_and_windows_line_ends(tmp_path):
    path = tmp_path / "p.prompty"
    path.write_bytes(b"---\r\nname: x\r\n---\r\nuser:\r\na\r\n---\r\nb\r\n")
    assert load_prompt(path).render({}) == ({"role": "user", "content": "a\n---\nb"},)


def test_importing_the_package_loads_no_template_engine():
    code = "import sys, plimsoll.prompts; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
