"""A run's scripts start wherever they lie."""

import os
import subprocess  # noqa: TID251 - runs what a node would
from pathlib import Path
from types import SimpleNamespace

import pytest

from armchair.agent.start import Place, argv_of
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
