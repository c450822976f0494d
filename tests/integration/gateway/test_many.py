"""Many at once: idle WebSockets, and a node that floods the agents' listener."""

import http.client
import socket
import ssl
from pathlib import Path

import pytest
from gateway_stage import Stage, make_stage

from armchair.gateway import config, master, process

STREAMS = 500
# measured: 36 KiB with mutual TLS behind, up to 54 KiB with TLS in front as well
MOST_KIB_EACH = 100


def resident(stage: Stage) -> int:
    """KiB of the current worker."""
    found = stage.run(master.processes(process.master_socket(stage.runtime)))
    status = Path(f"/proc/{found.current}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def test_five_hundred_idle_websockets_stay_alive_and_small() -> None:
    stage, take_down = make_stage("/usr/sbin/haproxy", tls=True, maxconn=2 * STREAMS)
    streams: list[socket.socket] = []
    try:
        stage.run(stage.gateway.start())
        assert stage.ask(ticket=stage.ticket()).status == 200
        before = resident(stage)
        ticket = stage.ticket()
        for _ in range(STREAMS):
            status, stream = stage.open_stream(ticket)
            streams.append(stream)
            assert status == 101
        each = (resident(stage) - before) / STREAMS
        assert all(stage.echoes(stream) for stream in streams)
        assert stage.run(stage.gateway.traffic())["a" * 26].connections >= STREAMS
        # and again after all have been silent
        assert stage.ask(ticket=stage.ticket()).status == 200
        assert all(stage.echoes(stream) for stream in streams)
        assert each < MOST_KIB_EACH, f"{each:.0f} KiB for each stream"
    finally:
        for stream in streams:
            stream.close()
        take_down()


def test_a_node_that_floods_is_told_to_stop_and_others_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    # a busy machine may be too slow to reach the real limits
    monkeypatch.setattr(config, "AGENTS_REQUESTS", 300)
    monkeypatch.setattr(config, "AGENTS_ERRORS", 30)
    stage, take_down = make_stage("/usr/sbin/haproxy")
    try:
        stage.run(stage.gateway.start())
        context = ssl.create_default_context(cadata=stage.keys.agents_ca.pem)
        port = int(stage.gateway.agents_url.rpartition(":")[2])

        def agent(source: str) -> http.client.HTTPSConnection:
            return http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context, source_address=(source, 0))

        def report(connection: http.client.HTTPSConnection, path: str = "/agent/v1/report") -> int:
            connection.request("POST", path, body=b"{}")
            answer = connection.getresponse()
            answer.read()
            return answer.status

        noisy, calm = agent("127.0.0.7"), agent("127.0.0.8")
        assert {report(noisy) for _ in range(200)} == {200}
        found = [report(noisy) for _ in range(config.AGENTS_REQUESTS)]
        assert found[-1] == 429
        assert report(calm) == 200
        # what is refused anyway is refused sooner
        guessing = agent("127.0.0.6")
        found = [report(guessing, "/agent/v1/other") for _ in range(config.AGENTS_ERRORS + 10)]
        assert (found[0], found[-1]) == (404, 429)
        for connection in (noisy, calm, guessing):
            connection.close()
    finally:
        take_down()
