"""A run's scripts start wherever they lie, and hear the signals that programs hear elsewhere."""

import os
import signal
import subprocess  # noqa: TID251 - runs what a node would
from pathlib import Path
from types import SimpleNamespace

import pytest

from armchair.agent import start as agent_start
from armchair.agent.start import Place, argv_of
from armchair.node.container import main as container
from armchair.node.container.runtimes.base import Start
from armchair.node.screen.config import command
from armchair.wire import runnable
from armchair.wire.runspec import RunSpec, SpecFile

SPEC = RunSpec(
    argv=("run.sh", "x"), environment={}, unset=(), directory="~", files=(SpecFile("run.sh", "", 0o700),), transport="unix",
    host="h", ready_path="/", ready_statuses=(), stop_signal="TERM", stop_grace=1.0, log_directory="~", memory=None,
)  # fmt: skip


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "run.sh"
    path.write_text('#!/usr/bin/env  -S /bin/sh -u\necho "$0 $1"\n')
    path.chmod(0o700)
    return path


@pytest.fixture
def noexec(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing may be run: the file is as if its file system were mounted so."""
    script.chmod(0o600)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_NOEXEC | os.ST_NOSUID))


def test_a_script_is_its_own_command(script: Path) -> None:
    assert runnable.words(str(script)) == [str(script)]
    assert runnable.words("/nowhere/run.sh") == ["/nowhere/run.sh"]


@pytest.mark.usefixtures("noexec")
def test_where_nothing_may_be_run_its_first_line_is(script: Path) -> None:
    expected = ["/usr/bin/env", "-S /bin/sh -u", str(script), "x"]
    assert argv_of(SPEC.argv, SPEC, Place(str(script.parent), "", "/")) == expected
    assert list(command(SPEC.argv, str(script.parent))) == expected
    assert subprocess.run(expected, capture_output=True, text=True, check=True).stdout == f"{script} x\n"


@pytest.mark.usefixtures("noexec")
@pytest.mark.parametrize("text", ["", "#!", "#! \n", "\x7fELF"])
def test_what_names_nothing_stays_as_it_is(script: Path, text: str) -> None:
    script.write_text(text)
    assert runnable.words(str(script)) == [str(script)]


IGNORED = ("/bin/sh", "-c", "grep SigIgn /proc/self/status >$0")


def ignored(told: Path) -> int:
    return int(told.read_text().split()[1], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_the_application_hears_of_broken_pipes(tmp_path: Path) -> None:
    told = tmp_path / "told"
    found = agent_start.start(SPEC._replace(argv=(*IGNORED, str(told))), Place(str(tmp_path), "", "/"), [])
    assert os.waitpid(found.pid, 0)[1] == 0
    os.close(found.output)
    assert ignored(told) == 0


@pytest.mark.parametrize("supervised", [False, True])
def test_a_program_in_a_container_hears_of_broken_pipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supervised: bool
) -> None:
    told = tmp_path / "told"
    monkeypatch.setenv("ARMCHAIR_DIR", str(tmp_path))
    start = Start((*IGNORED, str(told)), {"PATH": "/usr/bin:/bin"}, supervised=supervised)
    monkeypatch.setattr(container, "prepare", lambda *_: start)
    # it adopts orphans and takes in all children: in a process of its own
    pid = os.fork()
    if pid == 0:
        os._exit(container.main(["x"]))
    assert os.waitpid(pid, 0)[1] == 0
    assert ignored(told) == 0
