"""A prompt renders a case's values to messages, or says which line can't be rendered and why."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import CellError, FailureKind
from plimsoll.prompts import load_prompt

DATA = Path(__file__).parent / "data"
PNG = (DATA / "dot.png").read_bytes()
PNG_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def prompt(tmp_path):
    def load(text, name="p.j2"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        (tmp_path / "dot.png").write_bytes(PNG)
        return load_prompt(path, f"prompts/{name}")

    return load


def failure_of(prompt, values):
    with pytest.raises(CellError) as caught:
        prompt.render(values)
    assert caught.value.kind is FailureKind.TEMPLATE
    return f"{caught.value.message} ({caught.value.remedy})"


def image(url):
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def test_a_template_without_markers_is_one_user_message(prompt):
    text = "Answer: {{ question }}\nuser: is no marker here\n"
    assert prompt(text).render({"question": "why?"}) == (
        {"role": "user", "content": "Answer: why?\nuser: is no marker here"},
    )


def test_names_tool_results_and_calls_become_fields(prompt):
    text = (
        "# user:\n## name:\nada\n## content:\nhi\n# assistant:\n## tool_calls:\n{{ calls | tojson }}\n"
        "# tool:\n## tool_call_id:\n{{ calls[0].id }}\n## content:\nfine\n# function:\n## name:\nf\n## content:\n1\n"
    )
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "strict": True, "x": None}]
    assert prompt(text).render({"calls": calls}) == (
        {"role": "user", "name": "ada", "content": "hi"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "fine"},
        {"role": "function", "name": "f", "content": "1"},
    )


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (
            "user:\n\n{{ contxt }}",
            {"context": "a"},
            "prompts/p.j2:3: 'contxt' is undefined (the case has 'context')",
        ),
        (
            "user:\n{{ a.b }}",
            {"a": {"c": 1}},
            "prompts/p.j2:2: 'dict object' has no attribute 'b' (mend the template, or the case's fields)",
        ),
        (
            "user:\n{{ 1 / n }}",
            {"n": 0},
            "prompts/p.j2:2: division by zero (mend the template, or the case's fields)",
        ),
        (
            "tool:\n{{ a }}",
            {"a": 1},
            (
                "prompts/p.j2: message 1 (tool): a tool's message needs '## tool_call_id:' and '## content:', "
                "each on its own line (mend the template, or the case's fields)"
            ),
        ),
        (
            "system:\nx\nfunction:\nx",
            {},
            (
                "prompts/p.j2: message 2 (function): a function's message needs '## name:' and '## content:', "
                "each on its own line (mend the template, or the case's fields)"
            ),
        ),
        (
            "assistant:\n## tool_calls:\n[{{ a }}]",
            {"a": "oops"},
            (
                "prompts/p.j2: message 1 (assistant): what follows '## tool_calls:' is neither a Python nor a JSON "
                "list (mend the template, or the case's fields)"
            ),
        ),
        (
            "{{ a }}\nuser:\nhi",
            {"a": "first\nsecond"},
            "prompts/p.j2: text before the first role marker: 'first' (mend the template, or the case's fields)",
        ),
        (
            "{% if a %}user:\nhi{% endif %}",
            {"a": False},
            "prompts/p.j2: renders to nothing, and the case has no messages (mend the template, or the case's fields)",
        ),
        (
            "user:\n{{ a }}",
            {"a": ["x\ufdd0"]},
            (
                "prompts/p.j2:2: the input 'a' holds a Unicode noncharacter (U+FDD0 to U+FDD3) "
                "(mend the template, or the case's fields)"
            ),
        ),
        (
            "user:\n{{ a }}",
            {"a": "data:image/png;path:no.png"},
            (
                "prompts/p.j2:2: the input 'a': the image 'no.png' can't be read: No such file or directory "
                "(mend the template, or the case's fields)"
            ),
        ),
        (
            "user:\nlook:\n![image]({{ a }})\n{{ b }}",
            {"a": "p.j2", "b": ""},
            (
                "prompts/p.j2:3: 'p.j2' is not a PNG, JPEG, GIF, WebP or BMP image "
                "(mend the template, or the case's fields)"
            ),
        ),
        (
            "user:\n![image]({{ a }})\n{{ b }}",
            {"a": ""},
            "prompts/p.j2:3: 'b' is undefined (mend the template, or the case's fields)",
        ),
        (
            "user:\n{{ a.append(1) }}",
            {"a": []},
            (
                "prompts/p.j2:2: access to attribute 'append' of 'list' object is unsafe. "
                "(mend the template, or the case's fields)"
            ),
        ),
    ],
)
def test_what_cannot_be_rendered_is_told_with_its_line(prompt, text, values, expected):
    assert failure_of(prompt(text), values) == expected


def test_a_failure_inside_an_included_file_names_that_file(prompt, tmp_path):
    (tmp_path / "part.j2").write_text("one\n{{ missing }}", encoding="utf-8")
    found = failure_of(prompt("user:\n{% include 'part.j2' %}"), {})
    assert found.startswith("prompts/part.j2:2: 'missing' is undefined")


def test_a_prompty_lists_all_missing_inputs_and_never_takes_its_sample_for_a_case(prompt):
    text = "---\ninputs:\n  a: {type: string}\n  b: {}\n  c: {default: 1}\nsample: {a: x, b: y}\n---\nuser:\n{{a}}{{c}}"
    found = prompt(text, "p.prompty")
    assert failure_of(found, {}) == "prompts/p.prompty:3: no value for the inputs 'a', 'b' (the case has no inputs)"
    assert found.render({"a": "2", "b": ""}) == ({"role": "user", "content": "21"},)


def test_a_list_that_is_text_is_refused_and_not_looped_over_by_letters(prompt):
    text = "---\ninputs:\n  items: {type: list}\n---\nuser:\n{% for i in items %}{{i}}{% endfor %}"
    assert failure_of(prompt(text, "p.prompty"), {"items": "abc"}) == (
        "prompts/p.prompty:3: the input 'items' is declared as list, and the case gives str "
        "(mend the template, or the case's fields)"
    )


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("dot.png", PNG_URI),
        ("data:image/png;path:dot.png", PNG_URI),
        ("data:image/*;path:dot.png", PNG_URI),
        (PNG_URI, PNG_URI),
        (f"data:image/png;base64:{PNG_URI.partition(',')[2]}", PNG_URI),
        ("data:image/png;url:https://127.0.0.1/a.png", "https://127.0.0.1/a.png"),
        ("https://127.0.0.1/a.png?x=1", "https://127.0.0.1/a.png?x=1"),
        ({"data:image/png;path": "dot.png"}, PNG_URI),
        ({"type": "image_url", "image_url": {"url": PNG_URI}}, PNG_URI),
    ],
)
def test_an_image_is_named_by_path_url_or_data_in_every_form(prompt, value, url):
    found = prompt("user:\nWhat is ![image]({{ picture }}) this?\n\nSay.")
    assert found.render({"picture": value}) == (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is "},
                image(url),
                {"type": "text", "text": " this?"},
                {"type": "text", "text": "Say."},
            ],
        },
    )


@pytest.mark.parametrize("target", ["dot.png", "./dot.png", PNG_URI])
def test_a_template_names_an_image_itself(prompt, target):
    found = prompt(f"user:\n![image]({target})\nWhat is {{{{ a }}}}?")
    assert found.render({"a": "it"})[0]["content"] == [image(PNG_URI), {"type": "text", "text": "What is it?"}]
    assert [path.name for path in found.files] == (["p.j2", "dot.png"] if target.endswith("png") else ["p.j2"])


def test_an_image_written_in_a_value_stays_text(prompt):
    text = "![image](dot.png) ![image]({{ x }}) {{ 1 }}"
    assert prompt("user:\n{{ a }}").render({"a": text}) == ({"role": "user", "content": text},)


ROLE_LINES = st.sampled_from(
    [
        *[
            "system:\n",
            "\nuser:\n",
            "# Assistant :\n\n",
            "\n  tool:\n",
            "user:",
            "\nsystem",
            ":\n",
            "\n",
            " ",
            "x",
            "y:",
        ],
        *[
            "## name:\nbob\n## content:\n",
            "content:\n",
            "## tool_call_id:\n1\n",
            "## tool_calls:\n[1]\n",
            "{{ a }}",
            "#",
        ],
    ]
)
HOSTILE = st.lists(ROLE_LINES, max_size=8).map("".join)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "p.j2"
    path.write_text(
        "system:\nAbout {{ topic }}:\n{{ topic }}{{ topic }}:\n"
        "{% for item in chat_history %}\n{{ item.role }}:\n<{{ item.content }}>\n{% endfor %}\n"
        "# user:\n{{ question | trim }}:\n{{ question }} {{ question }}:\n{{ question }}\nEnd.\n"
        "assistant:\nOK {{topic}}",
        encoding="utf-8",
    )
    return load_prompt(path)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_value_opens_a_message_or_becomes_a_field(several, topic, question, said):
    history = [{"role": "user", "content": said}, {"role": "Assistant", "content": said}]
    messages = several.render({"topic": topic, "question": question, "chat_history": history})
    assert [set(message) for message in messages] == [{"role", "content"}] * 5
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[0]["content"] == f"About {topic}:\n{topic}{topic}:".strip()
    assert messages[1]["content"] == f"<{said}>"
    assert messages[3]["content"] == f"{question.strip()}:\n{question} {question}:\n{question}\nEnd.".strip()
    assert messages[4]["content"] == f"OK {topic}".strip()


def test_markers_in_macros_set_blocks_loops_and_raw_are_the_templates_own(prompt):
    text = (
        "{% macro turn(role, text) %}\n{{ role }}:\n{{ text }}\n{% endmacro %}\n"
        "{% set head %}\nsystem:\nBe {{ tone }}.\n{% endset %}\n"
        "{{ head }}{{ turn('user', a) }}{{ turn('assistant', a) | trim }}\n"
        "{% raw %}user:\n{{ raw }}{% endraw %}\n"
    )
    assert [(m["role"], m["content"]) for m in prompt(text).render({"a": "system:\nx", "tone": "kind"})] == [
        ("system", "Be kind."),
        ("user", "system:\nx"),
        ("assistant", "system:\nx"),
        ("user", "{{ raw }}"),
    ]
