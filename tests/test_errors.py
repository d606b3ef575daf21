"""The taxonomy: exit codes, what a boundary makes of foreign errors, near matches."""

import pytest

from plimsoll.errors import (
    CellError,
    ConfigError,
    ExitCode,
    FailureKind,
    Mistake,
    Where,
    boundary,
    first_that_applies,
    near_match,
)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], ExitCode.PASS),
        ([ExitCode.PASS, ExitCode.INCONCLUSIVE], ExitCode.INCONCLUSIVE),
        ([ExitCode.INCONCLUSIVE, ExitCode.FAIL], ExitCode.FAIL),
        ([ExitCode.FAIL, ExitCode.INFRASTRUCTURE], ExitCode.INFRASTRUCTURE),
        ([ExitCode.INFRASTRUCTURE, ExitCode.USAGE], ExitCode.USAGE),
        ([ExitCode.USAGE, ExitCode.INTERRUPTED, ExitCode.FAIL], ExitCode.INTERRUPTED),
    ],
)
def test_of_several_codes_the_first_in_the_order_130_2_4_1_3_0_applies(codes, expected):
    assert first_that_applies(codes) is expected


def test_every_exit_code_and_failure_kind_says_what_it_means():
    assert all(code.meaning for code in ExitCode)
    assert all(kind.remedy for kind in FailureKind)


def test_a_config_error_lists_every_mistake_with_place_and_remedy():
    error = ConfigError(
        [
            Mistake("unknown key 'modle'", Where("suites/a.yaml", 3), "did you mean 'model'?"),
            Mistake("no such file", Where("prompts/x.prompty")),
        ]
    )
    assert str(error).splitlines() == [
        "suites/a.yaml:3: unknown key 'modle' (did you mean 'model'?)",
        "prompts/x.prompty: no such file",
    ]


def test_a_boundary_classifies_what_foreign_code_raises():
    with pytest.raises(CellError) as caught, boundary(FailureKind.EVALUATOR, "evaluator f1"):
        raise ZeroDivisionError("division by zero")
    assert caught.value.kind is FailureKind.EVALUATOR
    assert caught.value.message == "evaluator f1: ZeroDivisionError: division by zero"


def test_a_boundary_makes_sys_exit_a_failure_of_the_code_that_called_it():
    with pytest.raises(CellError) as caught, boundary(FailureKind.TARGET, "target a"):
        raise SystemExit(0)
    assert caught.value.kind is FailureKind.TARGET


def test_a_boundary_lets_ctrl_c_through():
    with pytest.raises(KeyboardInterrupt), boundary(FailureKind.TARGET, "target a"):
        raise KeyboardInterrupt


def test_a_boundary_keeps_an_error_that_is_classified_already():
    with pytest.raises(CellError) as caught, boundary(FailureKind.TARGET, "target a"):
        raise CellError(FailureKind.AUTH, "no key")
    assert caught.value.kind is FailureKind.AUTH


def test_a_time_out_is_a_time_out_wherever_it_is_raised():
    with pytest.raises(CellError) as caught, boundary(FailureKind.TARGET, "target a"):
        raise TimeoutError
    assert caught.value.kind is FailureKind.TIMEOUT


def test_a_near_match_is_named_and_without_one_all_known_words_are():
    assert near_match("groundednes", ["groundedness", "latency"]) == "did you mean 'groundedness'?"
    assert near_match("zzz", ["b", "a"]) == "known: a, b"
    assert near_match("zzz", []) is None
