"""`armchair doctor` on this machine: what it looks at where, and what a warning does to its end."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from armchair import doctor
from armchair.cli import configuration
from armchair.cli.configuration import Check
from armchair.cli.main import app
from armchair.doctor import Finding
from armchair.domain.run import JobRef
from armchair.wire.config import examination_mark

RUN = CliRunner()
SOUND = Finding(code="runtimes", ok=True, grave=False, params={"node": "login1", "runtimes": "bubblewrap 0.8.0"})
WARNING = Finding(code="displays", ok=False, grave=False, params={"node": "login1"})


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that is well, on a machine with a container runtime and no display server."""
    monkeypatch.setattr(doctor, "this_machine", lambda: iter([SOUND, WARNING]))
    monkeypatch.setattr(configuration, "_portal", lambda: [Check("portal", True, "answers")])


def asked(home: Path, *options: str) -> tuple[int, str]:
    done = RUN.invoke(app, ["doctor", "--home", str(home), *options], catch_exceptions=False)
    return done.exit_code, done.output


def test_a_warning_has_a_cure_and_is_no_failure(tmp_path: Path) -> None:
    code, said = asked(tmp_path)
    lines = said.splitlines()
    assert "ok   runtimes: login1 has container runtimes: bubblewrap 0.8.0." in lines
    at = next(number for number, line in enumerate(lines) if line.startswith("warn displays: On login1 neither Xpra nor Xvnc"))
    assert lines[at + 1].startswith("     Install xpra")
    assert code == 0


def test_in_json_it_is_called_a_warning(tmp_path: Path) -> None:
    code, said = asked(tmp_path, "--json")
    rows = {row["name"]: row for row in json.loads(said)["checks"]}
    assert (rows["displays"]["verdict"], rows["displays"]["ok"]) == ("warning", False)
    assert (rows["runtimes"]["verdict"], rows["portal"]["verdict"]) == ("ok", "ok")
    assert code == 0


def test_what_is_grave_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_portal", lambda: [Check("portal", False, "is away", "Start it.")])
    code, said = asked(tmp_path)
    assert "BAD  portal: is away\n     Start it." in said
    assert code == 1


def test_a_machine_that_runs_no_sessions_needs_nothing_for_them(tmp_path: Path) -> None:
    (tmp_path / "armchair.toml").write_text('[clusters.hpc]\nlauncher = "slurm"\n')
    assert "displays" not in asked(tmp_path)[1]
    (tmp_path / "armchair.toml").write_text('[clusters.hpc]\nlauncher = "slurm"\n[clusters.here]\nlauncher = "local"\n')
    assert "displays" in asked(tmp_path)[1]


def test_the_output_of_an_elder_job_with_the_same_number_is_not_the_jobs() -> None:
    job = doctor.Job(ref=JobRef(cluster="hpc", id="7", submitted_at=datetime.now(UTC)), token="ours")
    elder = json.dumps({"check": "node", "ok": True, "mark": examination_mark("theirs")})
    port = json.dumps({"check": "listens", "ok": True, "port": 40000})
    assert doctor._own(f"{elder}\n{port}\n", job) == []
    own = json.dumps({"check": "node", "ok": True, "mark": examination_mark("ours")})
    assert [one["check"] for one in doctor._own(f"a warning of the node's\n{own}\n{port}\n{{half", job)] == ["node", "listens"]
