import sys

import pytest

from plimsoll.errors import UsageError
from plimsoll.targets.code import load_callable, source_files


@pytest.fixture(autouse=True)
def _own_imports():
    """What a test makes importable is gone after it."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def refused(reference, root):
    with pytest.raises(UsageError) as caught:
        load_callable(reference, root)
    return caught.value


def test_a_function_of_a_file_is_loaded_with_its_siblings(tmp_path):
    write(tmp_path, {"flows/words.py": "HELLO = 'hi'", "flows/a.py": "import words\ndef answer(): return words.HELLO"})
    assert load_callable("flows/a.py:answer", tmp_path)() == "hi"


def test_a_function_of_a_module_is_loaded(tmp_path):
    write(tmp_path, {"shop_qa/__init__.py": "", "shop_qa/bot.py": "def answer(): return 'yes'"})
    assert load_callable("shop_qa.bot:answer", tmp_path)() == "yes"
    assert load_callable("json:dumps", tmp_path)([1]) == "[1]"


def test_an_edited_file_and_its_edited_sibling_are_loaded_anew(tmp_path):
    write(tmp_path, {"a.py": "import words\ndef answer(): return words.HELLO", "words.py": "HELLO = 'hi'"})
    before = load_callable("a.py:answer", tmp_path)
    write(tmp_path, {"words.py": "HELLO = 'good morning'"})
    assert load_callable("a.py:answer", tmp_path)() == "good morning"
    assert before() == "hi"


def test_an_edited_module_is_loaded_anew_with_what_it_imports_and_an_unchanged_one_is_kept(tmp_path):
    write(tmp_path, {"shop_w/__init__.py": "", "shop_w/words.py": "HELLO = 'one'"})
    write(tmp_path, {"shop_w/bot.py": "from shop_w.words import HELLO\ndef answer(): return HELLO"})
    before = load_callable("shop_w.bot:answer", tmp_path)
    assert load_callable("shop_w.bot:answer", tmp_path) is before
    # As long as before, and within the second in which Python takes a compiled file for current.
    write(tmp_path, {"shop_w/words.py": "HELLO = 'two'"})
    assert load_callable("shop_w.bot:answer", tmp_path)() == "two"
    assert before() == "one"


def test_two_folders_may_have_files_and_siblings_of_the_same_names(tmp_path):
    for folder in ("one", "two"):
        write(tmp_path, {f"{folder}/a.py": "import words\nclass C: pass\ndef answer(): return words.HELLO, C"})
        write(tmp_path, {f"{folder}/words.py": f"HELLO = {folder!r}"})
    one, two = (load_callable(f"{folder}/a.py:answer", tmp_path) for folder in ("one", "two"))
    assert (one()[0], two()[0]) == ("one", "two")
    assert sys.modules[one()[1].__module__].C is one()[1]
    assert sys.modules[two()[1].__module__].C is two()[1]


@pytest.mark.parametrize(
    ("reference", "message", "remedy"),
    [
        ("answer", "'answer' names no function", "write file.py:name or package.module:name"),
        ("a.py:", "'a.py:' names no function", "write file.py:name or package.module:name"),
        ("b.py:answer", "b.py: no such file", "did you mean 'a.py'?"),
        ("nowhere/a.py:answer", "nowhere/a.py: no such file", None),
        ("a.py:anwser", "a.py has no function 'anwser'", "did you mean 'answer'?"),
        ("a.py:NUMBER", "a.py has no function 'NUMBER'", "known: answer"),
        ("gone.py:x", "gone.py:2: can't be imported: ModuleNotFoundError: No module named 'not_there_at_all'", None),
        ("wrong.py:x", "wrong.py:2: can't be imported: SyntaxError: '(' was never closed (wrong.py, line 2)", None),
        ("leaves.py:x", "leaves.py:1: can't be imported: SystemExit: 0", None),
        ("no.module:x", "module no.module can't be imported: ModuleNotFoundError: No module named 'no'", None),
    ],
)  # fmt: skip
def test_what_can_not_be_loaded_is_told_with_its_place_and_remedy(tmp_path, reference, message, remedy):
    write(
        tmp_path,
        {
            "a.py": "NUMBER = 1\ndef answer(): ...",
            "gone.py": "\nimport not_there_at_all",
            "wrong.py": "\nx = (",
            "leaves.py": "raise SystemExit(0)",
        },
    )
    error = refused(reference, tmp_path)
    assert error.message.replace(f"{tmp_path}/", "") == message
    assert error.remedy == remedy
    assert not [name for name in sys.modules if name.startswith("_plimsoll_code_gone")]


def names(reference, root):
    return [str(path.relative_to(root)) for path in source_files(reference, root)]


def test_code_depends_on_the_code_and_texts_of_its_folder_and_below(tmp_path):
    kept = ["flows/a.py", "flows/deep/b.py", "flows/prompt.jinja2", "flows/terms.txt"]
    left = ["other.py", "flows/data.csv", "flows/__pycache__/a.py", "flows/.hidden/x.py", "flows/env/lib/y.py"]
    write(tmp_path, dict.fromkeys([*kept, *left, "flows/env/pyvenv.cfg"], ""))
    assert names("flows/a.py:answer", tmp_path) == kept


def test_a_module_depends_on_its_whole_package(tmp_path):
    write(tmp_path, dict.fromkeys(["shop/__init__.py", "shop/qa/bot.py", "shop/texts.py", "solo.py", "x/y.py"], ""))
    package = ["shop/__init__.py", "shop/qa/bot.py", "shop/texts.py"]
    assert names("shop.qa.bot:answer", tmp_path) == package
    assert names("shop:answer", tmp_path) == package
    assert names("solo:answer", tmp_path) == [*package, "solo.py", "x/y.py"]


def test_a_package_may_lie_in_src(tmp_path):
    write(tmp_path, dict.fromkeys(["src/shop/__init__.py", "src/shop/bot.py", "src/x.py", "y.py"], ""))
    assert names("shop.bot:answer", tmp_path) == ["src/shop/__init__.py", "src/shop/bot.py"]


def test_an_installed_module_is_no_part_of_the_workspace(tmp_path):
    assert source_files("json:dumps", tmp_path) == ()
