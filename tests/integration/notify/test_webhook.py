"""Letters to webhooks: a real receiver, a signature that can be checked, and no way into the site's own network."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from armchair.domain.errors import InvalidInput, Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.domain.telling import Channel, Letter, Occasion
from armchair.notify import webhook
from armchair.notify.settings import WebhookSettings
from armchair.notify.webhook import Webhook, _is_public
from armchair.testing.clock import START

LINK = "https://armchair.example.org/sessions/abc"


class Receiver:
    """Takes requests. `status` and `headers` are its answer."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.headers, self.silent = 204, "", False
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append((first, headers, body))
            if self.silent:
                await reader.read()
                return
            writer.write(f"HTTP/1.1 {self.status} X\r\n{self.headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    made = Receiver()
    listener = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()


def secret(login: str, target: str) -> Secret:
    return Secret(f"{login} {target}")


def notifier(*allow: str) -> Webhook:
    return Webhook(WebhookSettings(allow=allow), secret)


def letter(target: str) -> Letter:
    return Letter(
        id=9, event=1, session="abc", login="ada", channel=Channel.WEBHOOK, target=target, occasion=Occasion.START,
        params={"number": 313, "title": "Fiji"}, created_at=START, due_at=START,
    )  # fmt: skip


async def test_a_letter_arrives_signed() -> None:
    async with receiving() as receiver:
        target = f"http://localhost:{receiver.port}/hook?x=1"
        await notifier("localhost").send(letter(target), LINK)
        ((first, headers, body),) = receiver.requests
    assert first == "POST /hook?x=1 HTTP/1.1"
    assert headers["host"] == f"localhost:{receiver.port}"
    data = json.loads(body)
    assert (data["number"], data["title"], data["code"], data["link"]) == (313, "Fiji", "start", LINK)
    assert data["words"] == "#313 Fiji is ready. It waits for you."
    parts = dict(part.split("=") for part in headers["armchair-signature"].split(","))
    good = hmac.new(f"ada {target}".encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == good
    assert headers["armchair-letter"] == "9"


@pytest.mark.parametrize(
    "target",
    [
        "",
        "x",
        "ftp://localhost/",
        "http://example.org/",  # not without TLS
        "https://user:secret@example.org/",
        "https://example.org/a b",
        "https://example.org/\nX-Header: y",
        "https://[::1",
        "https://" + "a" * 2000,
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://224.0.0.1/",
        "https://no-such-host.invalid/",
    ],
)
async def test_nothing_leads_into_the_sites_own_network(target: str) -> None:
    with pytest.raises(InvalidInput) as no:
        await notifier().check("ada", target)
    assert no.value.errors[0].field == "target"
    with pytest.raises((Refused, Unavailable)):
        await notifier().send(letter(target), LINK)


@pytest.mark.parametrize(
    ("address", "public"),
    [("93.184.216.34", True), ("::ffff:93.184.216.34", True), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("", False)],
)
def test_what_counts_as_public(address: str, public: bool) -> None:
    assert _is_public(address) is public


async def test_a_name_that_points_elsewhere_by_now_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[(0, 0, 0, "", ("93.184.216.34", 443))], [(0, 0, 0, "", ("127.0.0.1", 443))]]
    loop = asyncio.get_running_loop()

    async def look_up(*_: Any, **__: Any) -> Any:
        return answers.pop(0)

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    way = notifier()
    await way.check("ada", "https://rebind.example/")
    with pytest.raises(Refused, match="webhook_not_public"):
        await way.send(letter("https://rebind.example/"), LINK)


@pytest.mark.parametrize(
    ("status", "kind"), [(200, None), (302, Refused), (400, Refused), (404, Refused), (429, Unavailable), (503, Unavailable)]
)
async def test_what_an_answer_means(status: int, kind: type[Exception] | None) -> None:
    async with receiving() as receiver:
        receiver.status, receiver.headers = status, "Location: http://127.0.0.1:1/\r\n"
        sending: Callable[[], Any] = lambda: notifier("localhost").send(letter(f"http://localhost:{receiver.port}/"), LINK)  # noqa: E731
        if kind is None:
            await sending()
        else:
            with pytest.raises(kind):
                await sending()
        assert len(receiver.requests) == 1


async def test_a_receiver_that_is_silent_or_away_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.3)
    async with receiving() as receiver:
        receiver.silent = True
        target = f"http://localhost:{receiver.port}/"
        with pytest.raises(Unavailable):
            await notifier("localhost").send(letter(target), LINK)
    with pytest.raises(Unavailable):
        await notifier("localhost").send(letter(target), LINK)
