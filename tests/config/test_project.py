"""The workspace, and the environment it is read with."""

import pytest

from plimsoll.config import Workspace, environment, substitute
from plimsoll.errors import ConfigError, UsageError


def test_a_workspace_is_found_from_a_folder_inside_it(tmp_path):
    (tmp_path / "suites").mkdir()
    inside = tmp_path / "prompts" / "deep"
    inside.mkdir(parents=True)
    assert Workspace.find(inside).root == tmp_path


def test_project_settings_make_a_workspace_too(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.plimsoll]\nexperiment = "x"\n')
    assert Workspace.find(tmp_path).settings.experiment == "x"


def test_an_unknown_project_setting_is_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.plimsoll]\nexperimnt = "x"\n')
    with pytest.raises(ConfigError, match=r"unknown key 'experimnt' .did you mean 'experiment'"):
        Workspace.find(tmp_path)


def test_without_a_workspace_the_error_says_how_to_start_one(tmp_path):
    with pytest.raises(UsageError, match="plimsoll init"):
        Workspace.find(tmp_path)


def test_a_suite_is_found_by_name_and_a_misspelt_one_is_guessed(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "support.yaml").write_text("name: support")
    workspace = Workspace.find(tmp_path)
    assert workspace.find_suite("support").name == "support.yaml"
    with pytest.raises(UsageError, match="did you mean 'support'"):
        workspace.find_suite("suport")


def test_a_suite_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "s.yaml").write_text("- a\n")
    workspace = Workspace.find(tmp_path)
    with pytest.raises(ConfigError, match=r"suites/s\.yaml: a suite is a mapping"):
        workspace.load_suite(workspace.find_suite("s"))


def test_a_file_that_is_not_utf8_names_the_line(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "s.yaml").write_bytes(b"name: a\ndescription: \xff\n")
    workspace = Workspace.find(tmp_path)
    with pytest.raises(ConfigError, match=r"suites/s\.yaml:2: not valid UTF-8 .save the file as UTF-8"):
        workspace.load_suite(workspace.find_suite("s"))


def test_dot_env_completes_the_environment_and_never_overrides_it(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PLIMSOLL_A=file\nPLIMSOLL_B=file\n")
    monkeypatch.setenv("PLIMSOLL_A", "shell")
    found = environment(tmp_path)
    assert (found["PLIMSOLL_A"], found["PLIMSOLL_B"]) == ("shell", "file")


def test_references_are_filled_with_defaults_where_unset():
    value = {"url": "${HOST:-localhost}/v1", "list": ["${KEY}"], "n": 1}
    assert substitute(value, {"KEY": "k"}, "models.a") == {"url": "localhost/v1", "list": ["k"], "n": 1}


def test_a_variable_that_is_not_set_is_named_with_its_place():
    with pytest.raises(UsageError, match=r"models\.a\.base_url needs the environment variable HOST.*export HOST"):
        substitute({"base_url": "${HOST}"}, {}, "models.a")
