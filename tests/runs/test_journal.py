"""The journal keeps what was finished, whatever happened to the process that wrote it."""

import subprocess
import sys

import pytest

from plimsoll.errors import ConfigError, FailureKind, UsageError
from plimsoll.runs.journal import EndLine, Journal, OutputLine, ScoreLine, read_end, read_journal
from plimsoll.types import CellId, Failed, Failure, Output, Scored, Skipped

FAILURE = Failure(kind=FailureKind.SERVER, message="HTTP 500", remedy="again")
LINES = [
    OutputLine(cell=CellId("v1", "a"), key="k1", outcome=Output(text="één", latency=0.5)),
    OutputLine(cell=CellId("v1", "b", 2), key="", outcome=FAILURE),
    ScoreLine(
        cell=CellId("v1", "a"),
        evaluator="e",
        key="k2",
        scores={
            "m": Scored(value=0.5),
            "t": Scored(value=True),
            "l": Scored(value="good"),
            "f": Failed(failure=FAILURE),
            "s": Skipped(reason="cached"),
        },
    ),
    EndLine(seconds=1.5, requests=3, complete=True),
]


def write(folder, lines):
    with Journal(folder) as journal:
        for line in lines:
            journal.append(line)
    return folder / "journal.jsonl"


def test_every_kind_of_line_reads_back_as_it_was_written(tmp_path):
    assert list(read_journal(write(tmp_path, LINES))) == LINES


def test_a_bool_does_not_come_back_as_a_number(tmp_path):
    path = write(tmp_path, LINES)
    [scores] = [line for line in read_journal(path) if isinstance(line, ScoreLine)]
    assert scores.scores["t"] == Scored(value=True)
    assert isinstance(scores.scores["t"].value, bool)


@pytest.mark.parametrize("kept", range(1, 40, 7))
def test_a_torn_last_line_is_left_out_and_cut_before_the_next_is_written(tmp_path, kept):
    path = write(tmp_path, LINES[:2])
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + kept])
    assert list(read_journal(path)) == LINES[:1]
    write(tmp_path, LINES[2:])
    assert list(read_journal(path)) == [LINES[0], *LINES[2:]]


def test_a_damaged_line_before_the_last_is_told_with_its_number(tmp_path):
    path = write(tmp_path, LINES)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"kind":"output"\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(ConfigError, match=r"journal\.jsonl:2: damaged journal line"):
        list(read_journal(path))


def test_two_processes_on_one_run_are_refused(tmp_path):
    hold = (
        "import sys; from pathlib import Path; from plimsoll.runs.journal import Journal\n"
        "with Journal(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="is being written by another process"), Journal(tmp_path):
            pass
    finally:
        other.communicate()
    assert write(tmp_path, LINES[:1]).is_file()


def test_what_was_appended_survives_kill_9(tmp_path):
    script = (
        "import sys, os, signal; from pathlib import Path; from plimsoll.runs.journal import Journal, EndLine\n"
        "with Journal(Path(sys.argv[1])) as journal:\n"
        "    for n in range(50): journal.append(EndLine(seconds=n, requests=n, complete=False))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    found = list(read_journal(tmp_path / "journal.jsonl"))
    assert [line.requests for line in found if isinstance(line, EndLine)] == list(range(50))


def test_how_the_last_session_ended_is_read_from_the_files_end_alone(tmp_path):
    path = tmp_path / "journal.jsonl"
    assert read_end(path) is None
    with Journal(tmp_path) as journal:
        journal.append(EndLine(seconds=1.0, requests=1, complete=False))
    assert read_end(path) == EndLine(seconds=1.0, requests=1, complete=False)
    with Journal(tmp_path) as journal:
        outcome = Output(text="long " * 1000)
        journal.append(OutputLine(cell=CellId("t", "c"), key="", outcome=outcome))
    assert read_end(path) is None
    with Journal(tmp_path) as journal:
        journal.append(EndLine(seconds=1.5, requests=2, complete=True))
    assert read_end(path) == EndLine(seconds=1.5, requests=2, complete=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert read_end(path) is None
