"""The terminal: echo, several tabs, coming back to the screen as it was, size, foreign pages, and its end."""

import asyncio
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import InvalidStatus

HOST = "abc.apps.localhost:8000"
KEEPERS = [pytest.param({}, id="tmux"), pytest.param({"ARMCHAIR_TERMINAL_TMUX": "no"}, id="replay")]


async def browse(run: Any, origin: str = f"http://{HOST}", rows: int = 30, cols: int = 100) -> ClientConnection:
    connection = await unix_connect(str(run.socket), f"ws://{HOST}/ws", origin=origin, compression=None, proxy=None)
    await connection.send(json.dumps({"rows": rows, "cols": cols}))
    return connection


async def read_until(connection: ClientConnection, needle: bytes, seconds: float = 15) -> bytes:
    seen = b""
    try:
        async with asyncio.timeout(seconds):
            while needle not in seen:
                message = await connection.recv()
                seen += message if isinstance(message, bytes) else b""
    except TimeoutError:
        pytest.fail(f"{needle!r} did not come; this came: {seen[-1500:]!r}")
    return seen


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_what_is_typed_runs_and_is_shown(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", **keeper)
    await run.ready()
    async with await browse(run) as browser:
        await browser.send("echo grüße-$((6*7))\r".encode())
        await read_until(browser, "grüße-42".encode())


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_who_comes_back_finds_the_screen_as_it_was(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", **keeper)
    await run.ready()
    async with await browse(run) as first:
        await first.send(b"x=kept; echo mark-$((40+2))\r")
        await read_until(first, b"mark-42")
    async with await browse(run) as second:
        await read_until(second, b"mark-42")
        await second.send(b"echo still-$x\r")
        await read_until(second, b"still-kept")


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_files_are_made_as_the_job_makes_them(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", before=("sh", "-c", 'umask 027; exec "$@"', "sh"), **keeper)
    await run.ready()
    async with await browse(run) as browser:
        await browser.send(b"echo mask-$(umask)\r")
        await read_until(browser, b"mask-0027")


async def test_who_comes_back_finds_the_lines_above_the_screen_too(start: Any) -> None:
    run = start("terminal")
    await run.ready()
    async with await browse(run) as first:
        await first.send(b"seq -f 'line-%g-' 300; echo done-$((1+1))\r")
        await read_until(first, b"done-2")
    async with await browse(run) as second:
        seen = await read_until(second, b"done-2")
    assert b"line-50-" in seen


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_two_tabs_show_the_same(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", **keeper)
    await run.ready()
    async with await browse(run) as one, await browse(run) as two:
        await one.send(b"echo both-$((5*5))\r")
        await read_until(one, b"both-25")
        await read_until(two, b"both-25")


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_the_size_follows_the_browser(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", **keeper)
    await run.ready()
    async with await browse(run, rows=30, cols=90) as browser:
        await browser.send(b"stty size\r")
        await read_until(browser, b"30 90")
        await browser.send(json.dumps({"rows": 40, "cols": 132}))
        # tmux passes the size on in its own time, so the shell waits for it
        await browser.send(b"until [ \"$(stty size)\" = '40 132' ]; do :; done; echo wide-$((6*7))\r")
        await read_until(browser, b"wide-42")


async def test_a_big_paste_arrives_whole(start: Any) -> None:
    run = start("terminal", ARMCHAIR_TERMINAL_TMUX="no")
    await run.ready()
    async with await browse(run) as browser:
        await browser.send(b"stty raw -echo; echo go-$((1+1)); head -c 200000 | cksum; stty sane\r")
        # only now: raw mode drops nothing, but the line mode before it holds 4 KiB at most
        await read_until(browser, b"go-2")
        await asyncio.gather(*(browser.send(b"y" * 20000) for _ in range(10)))
        await read_until(browser, b" 200000")


@pytest.mark.parametrize("origin", ["http://evil.example", "http://def.apps.localhost:8000", None])
async def test_a_page_of_another_origin_is_refused(start: Any, origin: str | None) -> None:
    run = start("terminal")
    await run.ready()
    with pytest.raises(InvalidStatus) as refused:
        await unix_connect(str(run.socket), f"ws://{HOST}/ws", origin=origin, proxy=None)
    assert refused.value.response.status_code == 403


async def test_the_page_comes_with_a_strict_policy(start: Any) -> None:
    run = start("terminal")
    await run.ready()
    async with run.client() as client:
        page = await client.get("/")
        script = await client.get("/main.js")
        outside = ("/../server.py", "/server.py", "/%2e%2e/run.sh", "/main.js/x.js")
        statuses = [(await client.get(path)).status_code for path in outside]
    assert page.status_code == script.status_code == 200
    assert "default-src 'none'; script-src 'self';" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert statuses == [404, 404, 404, 404]


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_it_ends_with_the_shell_and_its_exit_code(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", **keeper)
    await run.ready()
    async with await browse(run) as browser:
        await browser.send(b"exit 7\r")
        texts = [message async for message in browser if isinstance(message, str)]
    assert json.loads(texts[-1]) == {"ended": 7}
    assert await run.ended() == 7
    assert run.left() == []


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_a_stop_leaves_nothing_behind(start: Any, keeper: dict[str, str]) -> None:
    run = start("terminal", **keeper)
    await run.ready()
    async with await browse(run) as browser:
        await browser.send(b"echo up-$((1+1))\r")
        await read_until(browser, b"up-2")
        began = time.monotonic()
        await run.stop()
    assert time.monotonic() - began < 5
    assert run.left() == []


async def test_nonsense_from_a_browser_ends_only_its_own_connection(start: Any) -> None:
    run = start("terminal")
    await run.ready()
    for first in ("[]", "{", '{"rows": "x", "cols": 3}', b"\0"):
        connection = await unix_connect(str(run.socket), f"ws://{HOST}/ws", origin=f"http://{HOST}", proxy=None)
        await connection.send(first)
        await connection.wait_closed()
        assert connection.close_code == 1007
    async with await browse(run) as browser:
        await browser.send(b"echo fine-$((2+2))\r")
        await read_until(browser, b"fine-4")
