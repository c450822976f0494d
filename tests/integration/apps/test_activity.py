"""JupyterLab's own word on whether it is in use: a real server, a real kernel."""

import asyncio
import json
import os
from typing import Any

import httpx
import pytest
import websockets

from armchair.agent.activity import answer

from .conftest import AppRun, until  # noqa: TID252 - one folder's own


def word(run: AppRun) -> str:
    """What the activity script says, run as the agent runs it."""
    environment = {**os.environ, **run.spec.environment, "ARMCHAIR_DIR": str(run.directory), "ARMCHAIR_SOCKET": str(run.socket)}
    script = str(run.directory / run.spec.activity[0])
    return (answer([script], environment) or "").strip()


async def kernel(client: httpx.AsyncClient) -> str:
    await client.get("/lab")
    headers = {"X-XSRFToken": client.cookies.get("_xsrf", "")}
    made = await client.post("/api/kernels", json={"name": "python3"}, headers=headers)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def execute(run: AppRun, client: httpx.AsyncClient, kernel_id: str, code: str) -> None:
    """Send code to a kernel, as a notebook does."""
    path = f"/api/kernels/{kernel_id}/channels"
    cookies = "; ".join(f"{name}={text}" for name, text in client.cookies.items())
    async with websockets.unix_connect(
        str(run.socket),
        f"ws://abc.apps.localhost:8000{path}",
        additional_headers={"X-Armchair-User": "alice", "Cookie": cookies},
    ) as channel:
        header = {"msg_id": "m", "username": "a", "session": "s", "msg_type": "execute_request", "version": "5.3", "date": ""}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        await channel.send(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        )
        async with asyncio.timeout(30):
            async for text in channel:
                if isinstance(text, str) and json.loads(text).get("content", {}).get("execution_state") == "busy":
                    return


@pytest.mark.usefixtures("jupyter_kit")
async def test_a_kernel_that_computes_is_use_and_a_server_without_kernels_is_none(start: Any) -> None:
    run = start("jupyterlab")
    assert word(run) not in {"idle", "busy"}, "a server that does not answer can't be told"
    await run.ready()
    assert word(run) == "idle"
    async with run.client() as client:
        computing = await kernel(client)
        await execute(run, client, computing, "while True: pass")
        assert word(run) == "busy"
        headers = {"X-XSRFToken": client.cookies.get("_xsrf", "")}
        await client.delete(f"/api/kernels/{computing}", headers=headers)

        async def idle() -> bool:
            return word(run) == "idle"

        await until(idle, 20, "idleness after the kernel's end")
