"""What becomes an item, by which names and markers, and what is never asked."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from tests.api.parts import Desk, cases, edit, write_cases
from tests.pytest_plugin.parts import NO_GATE, Bed


def names(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_without_the_flag_a_run_of_pytest_asks_nobody(bed: Bed, desk: Desk) -> None:
    bed.pytester.makepyfile("def test_other(): pass")
    bed.run().assert_outcomes(passed=1)
    assert desk.requests == 0


def test_a_suite_on_the_command_line_is_no_suite_without_the_flag(bed: Bed, desk: Desk) -> None:
    result = bed.run("suites/desk.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["suites are run by the flag: pytest --plimsoll"])
    assert desk.requests == 0


def test_of_the_flag_nobody_is_told_who_named_another_file(bed: Bed) -> None:
    (bed.root / "suites" / "other.yaml").write_text("a: 1", encoding="utf-8")
    for name in ("suites/other.yaml", "suites/nowhere.yaml"):
        result = bed.run(name)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stdout.no_fnmatch_line("*--plimsoll*")


def test_the_plugin_imports_nothing_of_plimsoll_but_itself() -> None:
    script = (
        "import sys, pytest, plimsoll.pytest_plugin as plugin\n"
        "print(sorted(name for name in sys.modules if name.startswith(('plimsoll', 'pydantic', 'msgspec'))))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(["plimsoll", "plimsoll.pytest_plugin", "plimsoll.version"])


def test_pytest_finds_the_plugin_by_itself() -> None:
    (found,) = entry_points(group="pytest11", name="plimsoll")
    assert found.load().__name__ == "plimsoll.pytest_plugin"


def test_items_are_targets_and_cases_by_their_ids_and_one_gate(bed: Bed, desk: Desk) -> None:
    write_cases(bed.root, cases(2))
    found = names(bed.run("--plimsoll", "--collect-only", "-q"))
    ids = [f"suites/desk.yaml::{target}::c{number}" for target in ("v1", "v2") for number in range(2)]
    assert found == [*ids, "suites/desk.yaml::gate"]
    assert desk.requests == 0


def test_planning_the_set_up_asks_nobody(bed: Bed, desk: Desk) -> None:
    bed.run("--plimsoll", "--setup-plan")
    assert desk.requests == 0


def test_repeats_are_one_item_and_two_colons_in_an_id_are_escaped(bed: Bed) -> None:
    edit(bed.root, "suites/desk.yaml", "name: desk", "name: desk\nrepeats: 3")
    write_cases(bed.root, [{**cases(1)[0], "id": "a::b c"}])
    found = names(bed.run("--plimsoll", "--collect-only", "-q", "suites/desk.yaml::v1"))
    assert found == ["suites/desk.yaml::v1::a%3A%3Ab c"]


def test_an_escaped_name_selects_its_case(bed: Bed, desk: Desk) -> None:
    write_cases(bed.root, [*cases(1), {**cases(2)[1], "id": "a::b"}])
    bed.outcomes("suites/desk.yaml::v1::a%3A%3Ab", passed=1)
    assert dict(desk.asked) == {("one", 1): 1}


@pytest.mark.parametrize("words", [["-k", "v1 and c7"], ["suites/desk.yaml::v1::c7"]])
def test_what_is_deselected_is_never_asked(bed: Bed, desk: Desk, words: list[str]) -> None:
    bed.run("--plimsoll", *words).assert_outcomes(passed=1, deselected=24 if words[0] == "-k" else 0)
    assert dict(desk.asked) == {("one", 7): 1}


def test_cells_that_form_no_rectangle_are_asked_alone(bed: Bed, desk: Desk) -> None:
    bed.outcomes("suites/desk.yaml::v1::c7", "suites/desk.yaml::v2::c3", passed=2)
    assert dict(desk.asked) == {("one", 7): 1, ("two", 3): 1}


def test_slices_are_markers_that_strict_markers_know(bed: Bed, desk: Desk) -> None:
    result = bed.run("--plimsoll", "--strict-markers", "-m", "odd", "-k", "v2")
    result.assert_outcomes(passed=6, deselected=19)
    assert {number for _, number in desk.asked} == {1, 3, 5, 7, 9, 11}


@pytest.mark.parametrize(
    ("name", "marker"),
    [("multi-hop, long", "multi_hop__long"), ("skip", "slice_skip"), ("_own", "slice__own"), ("not", "slice_not")],
)
def test_a_slice_whose_name_is_no_marker_gets_one(bed: Bed, name: str, marker: str) -> None:
    # A slice that is called `skip` must not skip its cases.
    write_cases(bed.root, [{**cases(1)[0], "slices": [name]}, cases(2)[1]])
    bed.run("--plimsoll", "--strict-markers", "-m", marker, "-k", "v1").assert_outcomes(passed=1, deselected=4)


def test_the_suite_the_target_and_the_marker_select(bed: Bed) -> None:
    for words in (["-k", "desk"], ["-m", "plimsoll"]):
        assert len(names(bed.run("--plimsoll", "--collect-only", "-q", *words))) == 25


def test_a_mistake_is_an_error_of_collection_with_file_and_line(bed: Bed, desk: Desk) -> None:
    edit(bed.root, "suites/desk.yaml", "- short", "- shorter")
    result = bed.run("--plimsoll")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["suites/desk.yaml:10: *shorter*"])
    assert "Traceback" not in result.stdout.str()
    assert desk.requests == 0


def test_held_out_cases_are_no_items(bed: Bed, desk: Desk) -> None:
    edit(bed.root, "suites/desk.yaml", "name: desk", "name: desk\nheld_out: odd")
    bed.run("--plimsoll", "-k", "v1").assert_outcomes(passed=6, deselected=7)
    assert {number % 2 for _, number in desk.asked} == {0}


def test_the_ini_option_collects_suites_beside_the_paths_of_tests(bed: Bed) -> None:
    bed.pytester.makeini("[pytest]\nplimsoll = true\ntestpaths = tests")
    (bed.root / "tests").mkdir()
    (bed.root / "tests" / "test_other.py").write_text("def test_other(): pass", encoding="utf-8")
    bed.run().assert_outcomes(passed=26)
    # Whoever names a path gets that path.
    bed.run("tests").assert_outcomes(passed=1)


@pytest.mark.parametrize("ini", [False, True])
def test_tests_that_pass_are_no_success_where_suites_were_to_be_run_and_none_is_there(bed: Bed, ini: bool) -> None:
    bed.pytester.makeini(f"[pytest]\ntestpaths = tests\nplimsoll = {ini}")
    (bed.root / "suites").rename(bed.root / "elsewhere")
    (bed.root / "tests").mkdir()
    (bed.root / "tests" / "test_other.py").write_text("def test_other(): pass", encoding="utf-8")
    result = bed.run(*([] if ini else ["--plimsoll"]))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["nothing was evaluated: no suite and no test that uses the fixture was collected"])
    # Under the ini option, who names a path names what is to be run.
    assert bed.run("tests").ret == pytest.ExitCode.OK


def test_where_there_is_nothing_at_all_the_flag_ends_as_it_does_beside_other_tests(bed: Bed) -> None:
    (bed.root / "suites").rename(bed.root / "elsewhere")
    assert bed.run("--plimsoll").ret == pytest.ExitCode.USAGE_ERROR


def test_suites_are_found_through_a_symbolic_link(bed: Bed) -> None:
    write_cases(bed.root, cases(1))
    (bed.root / "linked").symlink_to(bed.root, target_is_directory=True)
    found = names(bed.run("--plimsoll", "--collect-only", "-q", "linked/suites"))
    assert "linked/suites/desk.yaml::v1::c0" in found


def test_a_name_commands_no_job_in_whose_log_it_stands(bed: Bed) -> None:
    write_cases(bed.root, [{**cases(1)[0], "id": "##vso[task.complete]"}])
    (found,) = names(bed.run("--plimsoll", "--collect-only", "-q", "suites/desk.yaml::v1"))
    assert found == "suites/desk.yaml::v1::⟨U+0023⟩#vso[task.complete]"


def test_yaml_files_elsewhere_are_left_alone(bed: Bed) -> None:
    (bed.root / "other.yaml").write_text("a: 1", encoding="utf-8")
    bed.outcomes("other.yaml")


def test_what_tests_left_is_no_run_to_go_on_with(bed: Bed, desk: Desk) -> None:
    import plimsoll as package
    from plimsoll.errors import UsageError

    edit(bed.root, "suites/desk.yaml", bed.root.joinpath("suites/desk.yaml").read_text(encoding="utf-8"), NO_GATE)
    bed.outcomes("-k", "c7", passed=2)
    with pytest.raises(UsageError, match="no run yet"):
        package.run("desk", workspace=bed.root, resume=True, track=False)
