"""The agent for real: its job script under dash, real TLS, real processes; only the portal is a stand-in."""

import http.client
import os
import signal
import socket
import ssl
import stat
import subprocess  # noqa: TID251 - mounting is no work of the portal
import sys
import time
from pathlib import Path

import pytest

from armchair.agent.usage import descendants
from armchair.domain.secret import Secret
from armchair.sessions.agentscript import AgentScripts
from armchair.wire.messages import EXIT_NO_PYTHON, EXIT_REFUSED

from .agent_jobs import SERVE, TOKEN, Start, get, spec_of, until  # noqa: TID252 - one folder's own
from .agents_portal import SESSION_HOST, AgentsPortal, Authority, serving  # noqa: TID252 - one folder's own


def test_enrols_starts_and_lets_the_gateway_in(start: Start) -> None:
    portal, _ = start()
    portal.wait_ready()
    assert get(portal) == (200, b"hello")
    assert portal.bearers == [TOKEN]
    assert portal.enrolments[0]["python"].startswith("3.")


def test_nobody_but_the_gateway_is_let_in(start: Start) -> None:
    portal, _ = start()
    portal.wait_ready()
    impostors = [
        portal.client_context(certificate=False),
        portal.client_context(Authority("somebody else")),
        portal.client_context(portal.sessions_ca),
    ]
    for context in impostors:
        with pytest.raises((ssl.SSLError, http.client.HTTPException, ConnectionError)):
            get(portal, context=context)
    assert get(portal) == (200, b"hello")


def test_the_application_gets_its_environment_and_no_secret(start: Start) -> None:
    portal, job = start()
    portal.wait_ready()
    environment = get(portal, "/environment")[1].decode()
    assert "'COLOUR', 'green'" in environment
    for pid in [job.pid, *descendants(job.pid)]:
        for name in ("environ", "cmdline"):
            text = Path(f"/proc/{pid}/{name}").read_bytes()
            assert TOKEN.encode() not in text
            assert b"the-credential" not in text
    leftovers = [path for path in Path("/dev/shm").iterdir() if path.name.startswith(f"armchair-{job.pid}-")]
    assert leftovers == []


def test_the_application_makes_files_as_the_job_does_and_what_is_ours_stays_closed(start: Start, tmp_path: Path) -> None:
    portal, _ = start('touch made; mkdir "$ARMCHAIR_DIR/own"; echo "$ARMCHAIR_DIR" >place\n' + SERVE, umask=0o027)
    portal.wait_ready()
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o640
    place = Path((tmp_path / "place").read_text().strip())
    assert [stat.S_IMODE(path.stat().st_mode) for path in (place, tmp_path / "logs")] == [0o700, 0o700]
    assert stat.S_IMODE((place / "app.sock").stat().st_mode) == 0o600


def test_another_account_can_not_reach_the_application(start: Start, tmp_path: Path) -> None:
    portal, job = start()
    portal.wait_ready()
    app = next(pid for pid in descendants(job.pid))
    values = dict(entry.split(b"=", 1) for entry in Path(f"/proc/{app}/environ").read_bytes().split(b"\0") if b"=" in entry)
    path = values[b"ARMCHAIR_SOCKET"].decode()
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
    mine = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    theirs = subprocess.run(["/usr/bin/python3", "-c", code], check=False, capture_output=True, user=65534, group=65534)
    assert mine.returncode == 0
    assert b"PermissionError" in theirs.stderr


def test_waits_while_the_job_is_not_on_record_and_goes_when_refused(start: Start) -> None:
    portal, job = start(prepare=lambda portal: portal.refusals.extend([409, 503, 409]))
    portal.wait_ready()
    assert len(portal.bearers) == 4
    refused, job = start(prepare=lambda portal: portal.refusals.extend([401]))
    assert job.wait(10) == EXIT_REFUSED
    assert b"did not admit" in job.stdout.read()
    assert refused.enrolments == []


def test_a_node_without_python_says_so(tmp_path: Path) -> None:
    script = AgentScripts(agents_url=lambda: "https://127.0.0.1:1", agents_ca="").render(Secret("t"), "local").script.reveal()
    script = script.replace("/usr/bin/python3", "/nowhere/python3").replace("/usr/libexec/platform-python", "/nowhere/p")
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=False, env={"PATH": str(tmp_path)})
    assert done.returncode == EXIT_NO_PYTHON
    assert b"no Python 3.6 or newer" in done.stderr


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_told_and_handed_on(start: Start, code: int) -> None:
    portal, job = start(f"exit {code}\n")
    end = portal.end()
    assert (end["exit_code"], end["signal"], end["kind"]) == (code, None, "")
    assert job.wait(10) == code


def test_a_signal_is_told_and_handed_on(start: Start) -> None:
    portal, job = start("kill -SEGV $$\n")
    assert portal.end()["signal"] == signal.SIGSEGV
    assert job.wait(10) == -signal.SIGSEGV


def test_a_stop_gives_time_to_tidy_up(start: Start, tmp_path: Path) -> None:
    portal, job = start('trap "echo tidy > tidied; exit 3" TERM; "$PY" "$ARMCHAIR_DIR/server.py" & wait\n')
    portal.wait_ready()
    os.kill(job.pid, signal.SIGTERM)
    assert portal.end()["kind"] == "cancelled"
    assert job.wait(10) == 3
    assert (tmp_path / "tidied").read_text() == "tidy\n"


def test_a_suspension_is_no_stop(start: Start) -> None:
    portal, job = start()
    portal.wait_ready()
    os.kill(job.pid, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(1.5)  # longer than the agent waits for a signal
    os.kill(job.pid, signal.SIGCONT)
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(0.5)
    assert get(portal) == (200, b"hello")
    os.kill(job.pid, signal.SIGTERM)
    assert portal.end()["kind"] == "cancelled"
    job.wait(10)


def test_a_command_of_the_portal_stops_it(start: Start) -> None:
    portal, job = start()
    portal.wait_ready()
    with portal.changed:
        portal.commands.append({"number": 1, "verb": "stop"})
        portal.changed.notify_all()
    assert portal.end()["kind"] == "cancelled"
    job.wait(10)


def test_what_ignores_the_stop_and_what_went_into_the_background_is_killed(start: Start) -> None:
    portal, job = start(
        """
        trap '' TERM
        for i in 1 2 3; do setsid sh -c 'trap "" TERM; setsid sleep 1000 & sleep 1000' & done
        "$PY" "$ARMCHAIR_DIR/server.py" & while :; do wait; done
        """,
        stop_grace=0.3,
    )
    portal.wait_ready()
    family = until(lambda: [pid for pid in descendants(job.pid) if len(descendants(job.pid)) >= 8])
    os.kill(job.pid, signal.SIGTERM)
    job.wait(10)
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []


def test_daemons_do_not_outlive_their_application(start: Start, tmp_path: Path) -> None:
    portal, job = start(
        "setsid sh -c 'echo $$ > daemon; exec sleep 1000' & while [ ! -s daemon ]; do sleep 0.01; done; exit 5\n"
    )
    assert portal.end()["exit_code"] == 5
    job.wait(10)
    assert not Path(f"/proc/{int((tmp_path / 'daemon').read_text())}").exists()


def test_too_much_memory_ends_it_with_that_reason(start: Start) -> None:
    portal, job = start("""exec "$PY" -c 'x = b"x" * 300_000_000; import time; time.sleep(1000)'\n""", memory=150_000_000)
    assert portal.end()["kind"] == "out_of_memory"
    assert job.wait(10) == -signal.SIGKILL


def test_a_flood_of_output_is_bounded_and_its_end_is_told(start: Start, tmp_path: Path) -> None:
    portal, job = start("yes 0123456789012345678901234567890123456789 | head -c 40000000; echo the end; exit 0\n")
    job.wait(60)
    assert sum(path.stat().st_size for path in (tmp_path / "logs").iterdir()) <= 17 << 20
    last = [report["log"] for report in portal.reports if report["log"]][-1]
    assert last.endswith("the end\n")
    assert len(last) <= 65536


def test_what_can_not_be_started_says_why(start: Start, tmp_path: Path) -> None:
    assert start(argv=("/nowhere/program",))[0].end()["detail"] == "not_executable"
    assert start(directory=str(tmp_path / "gone"))[0].end()["detail"] == "home_missing"


def test_what_runs_beside_the_application_says_why_it_ended(start: Start) -> None:
    leave = 'printf "image_missing\\nThere is no /apps/x.sif.\\n" >"$ARMCHAIR_DIR/trouble"; exit 3\n'
    end = start(leave)[0].end()
    assert (end["detail"], end["message"], end["exit_code"]) == ("image_missing", "There is no /apps/x.sif.", 3)


def test_an_application_finds_the_agents_python(start: Start) -> None:
    _portal, job = start('"$ARMCHAIR_AGENT_PYTHON" -c "import sys; sys.exit(sys.version_info[0])"\n')
    assert job.wait(20) == 3


def test_an_application_that_only_speaks_tcp_has_a_network_of_its_own(start: Start) -> None:
    portal, _job = start(SERVE, transport="tcp_isolated")
    portal.wait_ready()
    assert get(portal) == (200, b"hello")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8888), 2)


def test_isolation_works_without_root(start: Start, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    portal, _job = start('exec /usr/bin/python3 "$ARMCHAIR_DIR/server.py"\n', transport="tcp_isolated", user=65534)
    portal.wait_ready()
    assert get(portal) == (200, b"hello")


def test_large_bodies_pass_in_both_directions(start: Start) -> None:
    portal, _ = start()
    portal.wait_ready()
    assert len(get(portal, "/big30000000")[1]) == 30_000_000
    connection = http.client.HTTPConnection("127.0.0.1", portal.agent_port, timeout=20)
    raw = socket.create_connection(("127.0.0.1", portal.agent_port), 20)
    connection.sock = portal.client_context().wrap_socket(raw, server_hostname=SESSION_HOST)
    connection.request("POST", "/", body=b"y" * 20_000_000)
    assert connection.getresponse().read() == b"20000000"
    connection.close()


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_slow_reader_leaves_memory_flat(start: Start) -> None:
    portal, job = start()
    portal.wait_ready()
    before = resident(job.pid)
    raw = socket.create_connection(("127.0.0.1", portal.agent_port), 20)
    with portal.client_context().wrap_socket(raw, server_hostname=SESSION_HOST) as tls:
        tls.sendall(b"GET /big400000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        received, deadline = 0, time.monotonic() + 2
        while time.monotonic() < deadline:
            received += len(tls.recv(4096))
            time.sleep(0.01)
        assert 0 < received < 100_000_000
        assert resident(job.pid) - before < 8_000_000


def test_the_portal_may_go_away_and_come_back(start: Start, tmp_path: Path) -> None:
    portal = AgentsPortal(tmp_path, spec_of(tmp_path, SERVE))
    with serving(portal):
        scripts = AgentScripts(agents_url=lambda: f"https://127.0.0.1:{portal.port}", agents_ca=portal.agents_ca.pem)
        job = subprocess.Popen(["/bin/sh"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        job.stdin.write(scripts.render(Secret(TOKEN), "local").script.reveal().encode())
        job.stdin.close()
        portal.wait_ready()
    assert get(portal) == (200, b"hello")
    seen = len(portal.reports)
    os.kill(next(iter(descendants(job.pid))), signal.SIGTERM)
    with serving(portal, portal.port):
        portal.wait(lambda: len(portal.reports) > seen and portal.reports[-1]["end"])
    job.wait(10)


def test_a_run_that_is_over_ends_its_agent(start: Start) -> None:
    portal, job = start()
    portal.wait_ready()
    portal.report_status = 410
    job.wait(30)


def test_a_full_disk_is_told_and_the_log_never_holds_the_application_up(start: Start, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        portal, job = start("head -c 3000000 /dev/zero; echo done; exit 7\n", log_directory=str(small / "logs"))
        assert portal.end()["exit_code"] == 7
        assert job.wait(10) == 7
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
