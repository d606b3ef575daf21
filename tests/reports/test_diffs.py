from hypothesis import given
from hypothesis import strategies as st

from plimsoll.reports.diffs import LINE_LIMIT, Side, difference, first_changed_line


def side(name, files, settings=None, prompt=None):
    content = {"files": {path: f"digest of {data!r}" for path, data in files.items()}, "settings": settings or {}}
    return Side(name, {**content, "models": {}}, {path: data for path, data in files.items() if data}, prompt)


def test_equal_targets_differ_in_nothing():
    one = side("v1", {"p.jinja2": b"x"})
    assert difference(one, one).parts == ()


def test_two_prompts_of_other_names_are_one_part_and_come_first():
    found = difference(
        side("v1", {"a.prompty": b"one\n", "z.txt": b"same"}, {"prompt": "a.prompty"}, "a.prompty"),
        side("v2", {"b.prompty": b"two\n", "z.txt": b"same"}, {"prompt": "b.prompty", "model": "m"}, "b.prompty"),
    )
    assert [part.title for part in found.parts] == ["a.prompty → b.prompty", "the target's settings"]
    assert found.parts[0].lines == ("--- v1: a.prompty", "+++ v2: b.prompty", "@@ -1,2 +1,2 @@", "-one", "+two", " ")
    assert (found.parts[0].added, found.parts[0].removed) == (1, 1)


def test_files_that_came_and_went_are_told():
    found = difference(side("v1", {"old.py": b"a"}), side("v2", {"new.py": b"b"}))
    assert [(part.title, part.lines[0], part.lines[1]) for part in found.parts] == [
        ("new.py", "--- v1: no such file", "+++ v2: new.py"),
        ("old.py", "--- v1: old.py", "+++ v2: no such file"),
    ]


def test_a_file_whose_text_is_not_at_hand_is_named():
    gone = Side("v1", {"files": {"p.png": "other"}}, {})
    [part] = difference(gone, side("v2", {"p.png": b"\x00\x01"})).parts
    assert (part.title, part.lines) == ("p.png", ())
    assert part.note.startswith("changed; its text is not at hand")


def test_secrets_and_signs_that_act_are_not_in_it():
    found = difference(
        side("v1", {"p": b"x"}),
        side("v2", {"p": "key-1 \u202e\r".encode()}),
        lambda text: text.replace("key-1", "[KEY redacted]"),
    )
    assert "+[KEY redacted] ⟨U+202E⟩⟨U+000D⟩" in found.parts[0].lines


def test_a_long_line_is_cut():
    [part] = difference(side("v1", {"p": b"x"}), side("v2", {"p": b"y" * 10_000})).parts
    assert max(map(len, part.lines)) == LINE_LIMIT


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("ab"), max_size=6))
def test_the_first_changed_line_is_the_first_that_differs(old, new):
    line = first_changed_line("\n".join(old).encode(), "\n".join(new).encode())
    if old == new or not new:
        assert line is None
    else:
        assert line is not None
        assert 1 <= line <= len(new)
        assert new[: line - 1] == old[: line - 1]
        assert new[:line] != old[:line] or (line == len(new) and new == old[: len(new)])
