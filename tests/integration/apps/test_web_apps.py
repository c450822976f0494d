"""JupyterLab and "any web command": their real programs, started by their run scripts."""

import stat
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.usefixtures("jupyter_kit")
class TestJupyterLab:
    async def test_it_answers_on_its_socket_only_for_whom_the_gateway_names(self, start: Any) -> None:
        run = start("jupyterlab")
        await run.ready()
        async with run.client() as client:
            me = (await client.get("/api/me")).json()
            page = await client.get("/lab")
            nobody = await client.get("/api/me", headers={"X-Armchair-User": ""})
            forged = await client.post("/api/sessions", json={}, headers={"Origin": "http://evil.example"})
        assert me["identity"]["username"] == "alice"
        assert page.status_code == 200
        assert "JupyterLab" in page.text
        assert nobody.status_code == 403
        assert forged.status_code in {403, 404}
        assert stat.S_IMODE(run.socket.stat().st_mode) == 0o600

    async def test_no_port_is_open(self, start: Any) -> None:
        run = start("jupyterlab")
        await run.ready()
        assert run.listening() == []

    async def test_it_starts_in_the_folder_and_interface_asked_for(self, start: Any, tmp_path: Path) -> None:
        folder = tmp_path / "home" / "a $(touch pwned) 'b\""
        folder.mkdir()
        (folder / "here.txt").write_text("x")
        run = start("jupyterlab", {"folder": f"~/{folder.name}", "interface": "notebook"})
        await run.ready()
        async with run.client() as client:
            listing = (await client.get("/api/contents")).json()
            home = await client.get("/", follow_redirects=False)
        assert [entry["name"] for entry in listing["content"]] == ["here.txt"]
        assert home.headers["location"].startswith("/doc")
        assert not list(tmp_path.rglob("pwned"))

    async def test_it_ends_when_asked_to(self, start: Any) -> None:
        run = start("jupyterlab")
        await run.ready()
        await run.stop()
        assert run.left() == []

    async def test_a_folder_that_is_not_there_is_said(self, start: Any) -> None:
        run = start("jupyterlab", {"folder": "/nowhere"})
        assert await run.ended() == 2
        assert "There is no folder /nowhere" in run.log.read_text()


SERVER = """
import http.server, os, socketserver
class Server(socketserver.UnixStreamServer):
    def get_request(self):
        return super().get_request()[0], ("", 0)
Server(os.environ["ARMCHAIR_SOCKET"], http.server.SimpleHTTPRequestHandler).serve_forever()
"""


class TestWebCommand:
    async def test_a_command_on_a_port(self, start: Any) -> None:
        run = start("web-command", {"command": 'exec python3 -m http.server --bind 127.0.0.1 "$ARMCHAIR_PORT"'})
        assert run.spec.transport == "tcp_isolated"
        await run.ready()

    async def test_a_command_on_the_socket(self, start: Any, tmp_path: Path) -> None:
        home = tmp_path / "home"
        (home / "work").mkdir()
        (home / "work" / "server.py").write_text(SERVER)
        run = start("web-command", {"command": "exec python3 server.py", "listens_on": "unix", "directory": "~/work"})
        assert run.spec.transport == "unix"
        await run.ready()
        async with run.client() as client:
            assert "get_request" in (await client.get("/server.py")).text

    async def test_the_exit_code_is_the_command_s(self, start: Any) -> None:
        run = start("web-command", {"command": "echo trouble; exit 3"})
        assert await run.ended() == 3
        assert "trouble" in run.log.read_text()
