"""Letters by mail to a real SMTP conversation, over a real socket."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

import pytest

from armchair.domain.errors import Refused, Unavailable
from armchair.domain.telling import Channel, Letter, Occasion
from armchair.notify import mail
from armchair.notify.mail import Mail
from armchair.notify.settings import MailSettings
from armchair.testing.clock import START

LINK = "https://armchair.example.org/sessions/abc"


class Server:
    """Takes mail. `answers` replaces the answer to a verb; `silent`: it never says a word."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.verbs: list[str] = []
        self.answers: dict[str, str] = {}
        self.silent = False
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.silent:
                await reader.read()
                return
            writer.write(b"220 here\r\n")
            while line := (await reader.readline()).decode().strip():
                verb = line.split(":")[0].split()[0].upper()
                self.verbs.append(line)
                answer = self.answers.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 well"))
                writer.write(answer.encode() + b"\r\n")
                if verb == "DATA" and answer.startswith("354"):
                    data = await reader.readuntil(b"\r\n.\r\n")
                    message = email.message_from_bytes(data[:-5], policy=email.policy.default)
                    self.mails.append(message)
                    writer.write(b"250 taken\r\n")
                if verb == "QUIT":
                    return
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    made = Server()
    listener = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()


def notifier(server: Server, **more: object) -> Mail:
    settings = MailSettings(
        server=f"127.0.0.1:{server.port}", sender="armchair@example.org", address="{login}@example.org", **more
    )
    return Mail(settings, "i42", "Armchair")


def letter(occasion: Occasion = Occasion.START, login: str = "ada", **params: object) -> Letter:
    known = {"number": 313, "title": "Fiji: größer", **params}
    return Letter(
        id=9, event=1, session="abc", login=login, channel=Channel.MAIL, occasion=occasion, params=known, created_at=START,
        due_at=START,
    )  # fmt: skip


async def test_a_letter_arrives_with_words_and_link() -> None:
    async with serving() as server:
        await notifier(server).send(letter(), LINK)
        (message,) = server.mails
    assert message["To"] == "ada@example.org"
    assert message["From"] == "Armchair <armchair@example.org>"
    assert message["Subject"] == "#313 Fiji: größer is ready"
    assert LINK in message.get_content()
    assert message["Message-ID"] == "<i42.9@example.org>", "the same however often it is sent"
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("occasion", Occasion)
async def test_every_occasion_can_be_written_also_without_its_data(occasion: Occasion) -> None:
    async with serving() as server:
        await notifier(server).send(letter(occasion), LINK)
        assert "#313" in server.mails[0]["Subject"]


@pytest.mark.parametrize("title", ["x\r\nBcc: everybody@example.org", "\u2028\x85x", "a" * 5000])
async def test_a_title_adds_no_header(title: str) -> None:
    async with serving() as server:
        await notifier(server).send(letter(title=title), LINK)
        assert server.mails[0]["Bcc"] is None
        assert [line for line in server.verbs if line.startswith("RCPT")] == ["rcpt TO:<ada@example.org>"] or len(
            [line for line in server.verbs if line.upper().startswith("RCPT")]
        ) == 1


@pytest.mark.parametrize("login", ["", "a b", "x@evil.example", "a\nb", "-x", "a,b"])
async def test_a_login_that_is_no_address_gets_no_mail(login: str) -> None:
    async with serving() as server:
        with pytest.raises(Refused, match="mail_no_address"):
            await notifier(server).send(letter(login=login), LINK)
        assert server.verbs == []


@pytest.mark.parametrize(
    ("verb", "answer", "kind"),
    [
        ("RCPT", "550 nobody of that name", Refused),
        ("RCPT", "450 try later", Unavailable),
        ("DATA", "451 not now", Unavailable),
        ("MAIL", "550 who are you", Unavailable),
    ],
)
async def test_a_refusal_for_good_is_told_from_one_for_now(verb: str, answer: str, kind: type[Exception]) -> None:
    async with serving() as server:
        server.answers = {verb: answer}
        with pytest.raises(kind):
            await notifier(server).send(letter(), LINK)


async def test_nobody_at_the_other_end_and_one_who_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        way = notifier(server)
        server.silent = True
        monkeypatch.setattr(mail, "TIMEOUT", 0.3)
        with pytest.raises(Unavailable):
            await way.send(letter(), LINK)
    with pytest.raises(Unavailable):
        await way.send(letter(), LINK)
