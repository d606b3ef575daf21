from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """\
import time
from plimsoll.testing.postgres import NoPostgresError, postgres_server
try:
    with postgres_server() as server:
        print((server.folder / "data" / "postmaster.pid").read_text().split()[0], server.folder, flush=True)
        time.sleep(600)
except NoPostgresError as error:
    print(f"none: {error}", flush=True)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_a_server_and_its_files_are_gone_after_whoever_started_it_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid, _, folder = starter.stdout.readline().strip().partition(" ")
        if not pid.isdecimal():
            pytest.skip(folder)
        os.kill(int(pid), 0)
        starter.kill()
    for _ in range(300):
        if not Path(f"/proc/{pid}").exists() and not Path(folder).exists():
            break
        time.sleep(0.1)
    assert not Path(folder).exists()
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if folder.encode() in _read(path)] == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
