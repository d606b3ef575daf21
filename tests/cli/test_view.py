"""`plimsoll view`: says where it listens, shows runs there, and ends in order."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from tests.cli.parts import plimsoll
from tests.viewer.parts import RUN, telling_report, write_run

from plimsoll.config import Workspace


@pytest.fixture
def ferry(tmp_path, monkeypatch):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "ferry-desk.yaml").write_text("name: ferry-desk\n")
    monkeypatch.chdir(tmp_path)
    found = Workspace.find()
    write_run(found.state, telling_report())
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="a process is interrupted otherwise there")
@pytest.mark.parametrize("flags", [(), pytest.param(("--no-open",), marks=pytest.mark.long)])
def test_it_prints_where_it_listens_opens_the_browser_and_ctrl_c_ends_it_as_done(ferry, tmp_path, flags):
    visited = tmp_path / "visited"
    browser = tmp_path / "browser.py"
    browser.write_text(f"import sys; open({str(visited)!r}, 'a').write(sys.argv[1])")
    process = subprocess.Popen(
        [sys.executable, "-m", "plimsoll.cli.main", "view", RUN[:12], "--as", "Ada", *flags],
        cwd=ferry.root,
        env={**os.environ, "COLUMNS": "40", "BROWSER": f"{sys.executable} {browser} %s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/runs/{RUN}", address)
    assert process.stdout.readline() == "labels are given as Ada; Ctrl-C ends the viewer\n"
    with urllib.request.urlopen(f"{address}/cases/1") as answer:
        assert b"opinion-relevance" in answer.read()
    deadline = time.monotonic() + 60
    while not flags and not (visited.is_file() and visited.read_text()):
        assert time.monotonic() < deadline, "no browser was opened"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip(), err) == (0, "", "")
    assert (visited.read_text() if visited.exists() else None) == (None if flags else address)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("view", "nothing"), 2, "no suite and no run is called 'nothing'"),
        (("view", "ferry-dusk"), 2, "did you mean 'ferry-desk'?"),
        (("view", "--as", " "), 2, "--as needs a name"),
        (("view", "--port", "70000"), 2, "65535"),
    ],
)
def test_what_it_can_not_show_is_told_before_it_listens(ferry, capsys, words, code, told):
    ended = plimsoll(capsys, *words, "--no-open")
    assert (ended.code, told in " ".join(ended.err.split())) == (code, True)


def test_a_port_that_is_taken_is_infrastructure(ferry, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = plimsoll(capsys, "view", "--no-open", "--port", str(taken.getsockname()[1]))
    assert ended.code == 4
    assert "another program listens there" in " ".join(ended.err.split())
