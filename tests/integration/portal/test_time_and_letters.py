"""The whole portal near the end of a session's time: warned, extended, told by mail, and killed with -9 in between."""

import email
import email.policy
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from armchair.client.errors import ApiError
from armchair.testing.processes import eventually

from .portal_stage import Stage  # noqa: TID252 - one folder's own
from .test_killed_portal import NEVER, Walk  # noqa: TID252 - one folder's own


class Post:
    """A mail server in a thread. `stuck`: it takes connections and says nothing."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.mails: list[EmailMessage] = []
        self.stuck = False
        self.held: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.stuck:
                self.held.append(connection)
            else:
                threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with suppress(ConnectionError):  # the portal may be killed in the middle of a letter
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as lines:
            lines.write(b"220 here\r\n")
            lines.flush()
            for line in lines:
                verb = line[:4].upper()
                if verb == b"DATA":
                    lines.write(b"354 go on\r\n")
                    lines.flush()
                    data = b""
                    while not data.endswith(b"\r\n.\r\n"):
                        data += lines.readline()
                    self.mails.append(email.message_from_bytes(data[:-5], policy=email.policy.default))
                lines.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 well\r\n")
                lines.flush()
                if verb == b"QUIT":
                    return

    def close(self) -> None:
        self.listener.close()
        for connection in self.held:
            connection.close()

    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.mails]


@contextmanager
def posting() -> Iterator[Post]:
    made = Post()
    try:
        yield made
    finally:
        made.close()


def with_mail(stage: Stage, post: Post, more: str = "") -> None:
    text = f'\n[notices.mail]\nserver = "127.0.0.1:{post.port}"\naddress = "{{login}}@example.org"\n{more}'
    with (stage.home / "armchair.toml").open("a") as file:
        file.write(text)


def seconds_left(stage: Stage, session: str) -> float:
    end = datetime.fromisoformat(stage.client.session(session).data["ends_at"])
    return (end - datetime.now(end.tzinfo)) / timedelta(seconds=1)


def codes(stage: Stage, session: str) -> list[str]:
    return [event["code"] for event in stage.client.timeline(session)]


def test_it_is_told_when_it_starts_once_also_by_a_portal_that_was_killed(home_stage: Stage) -> None:
    stage = home_stage
    with posting() as post:
        with_mail(stage, post)
        stage.up()
        go = stage.home / "go"
        session = stage.launch("listens-late", phase="starting", answers={"signal": str(go)})
        stage.client.tell(session.id, "mail", ["start", "end"])
        go.touch()
        stage.reach(session.id, "ready")
        eventually(lambda: post.mails, "the letter arrives")
        assert post.subjects() == [f"#{session.number} {session.title} is ready"]
        assert f"/sessions/{session.id}" in post.mails[0].get_content()
        assert stage.portal is not None
        stage.portal.kill()
        stage.up()
        stage.client.stop(session.id)
        stage.reach(session.id, "ended")
        ended = f"#{session.number} {session.title} has ended"
        eventually(lambda: ended in post.subjects(), "the second letter arrives")
        # whom the kill hit between sending and ticking off may be sent again, as the same letter
        letters = {(str(message["Message-ID"]), str(message["Subject"])) for message in post.mails}
        assert sorted(subject for _, subject in letters) == [ended, f"#{session.number} {session.title} is ready"]


def test_a_mail_server_that_hangs_holds_up_nothing(home_stage: Stage) -> None:
    stage = home_stage
    with posting() as post:
        post.stuck = True
        with_mail(stage, post)
        stage.up()
        go = stage.home / "go"
        session = stage.launch("listens-late", phase="starting", answers={"signal": str(go)})
        stage.client.tell(session.id, "mail", ["start"])
        go.touch()
        stage.reach(session.id, "ready")
        eventually(lambda: post.held, "the portal tries to send")
        assert stage.outcome(stage.client.stop(stage.launch("hello", key="two").id).id)[0] == "cancelled"
        assert post.mails == []


@pytest.mark.parametrize("point", ["before:extend", "after:extend"])
def test_killed_around_the_launchers_answer_the_wish_is_carried_out_once(home_stage: Stage, point: str) -> None:
    stage = home_stage
    stage.up()
    session = stage.launch("hello")
    before = seconds_left(stage, session.id)
    walk = Walk(stage.home)
    walk.arm((point, 1))
    with pytest.raises(Exception, match=r".*"):
        stage.client.extend(session.id, 3600)
    assert stage.portal is not None
    eventually(lambda: not stage.portal.alive, "the portal dies")
    stage.up()
    walk.arm(NEVER)
    eventually(lambda: "extend.done" in codes(stage, session.id), "the wish is carried out")
    assert 3500 < seconds_left(stage, session.id) - before < 3650
    assert codes(stage, session.id).count("extend.asked") == 1
    with pytest.raises(ApiError) as no:
        stage.client.extend(session.id, 10**7)
    assert no.value.code == "extend_too_much"


def test_near_its_end_the_application_the_page_and_the_owner_hear_of_it(home_stage: Stage, tmp_path: Path) -> None:
    """A size of a few seconds: warned in its last quarter, extended, and in the end over."""
    stage = home_stage
    app = stage.home / "apps" / "brief"
    app.mkdir(parents=True)
    hello = Path(__file__).parents[2] / "fixtures" / "apps" / "hello"
    for name in ("hello.py", "icon.svg", "README.md"):
        (app / name).write_bytes((hello / name).read_bytes())
    (app / "app.toml").write_text(
        'title = "Brief"\ndescription = "Ends soon."\ntype = "web"\n[stop]\nwarning_signal = "USR1"\n'
        '[[sizes]]\nname = "s"\ntitle = "S"\nwalltime = "12s"\n'
    )
    heard = tmp_path / "heard"
    (app / "run.sh").write_text(
        "#!/bin/sh\n"
        f"trap 'cp \"$ARMCHAIR_DIR/ends.json\" {heard}' USR1\n"
        '(trap "" USR1; exec "$ARMCHAIR_PYTHON" "$ARMCHAIR_APP_DIR/hello.py") & server=$!\n'
        "trap 'kill $server; exit 0' TERM\n"
        "while kill -0 $server; do wait $server; done\n"
    )
    settings = (stage.home / "armchair.toml").read_text()
    (stage.home / "armchair.toml").write_text(settings.replace('directories = ["', f'directories = ["{app.parent}", "'))
    with posting() as post:
        with_mail(stage, post)
        stage.up()
        session = stage.launch("brief")
        stage.client.tell(session.id, "mail", ["end_near", "end"])
        eventually(lambda: "end.near" in codes(stage, session.id), "it is warned", 20)
        eventually(heard.exists, "the application hears it")
        found = stage.client.session(session.id)
        assert "ends_soon" in found.data["overlays"]
        assert "left" in found.state
        end = datetime.fromisoformat(found.data["ends_at"])
        assert abs(json.loads(heard.read_text())["ends_at"] - end.timestamp()) < 1
        stage.client.extend(session.id, 6)
        kind, ended = stage.outcome(session.id, 40)
        assert kind == "timed_out"
        assert "18 s" in ended.outcome, "the limit that it had in the end"
        eventually(lambda: len(post.mails) >= 2, "both letters arrive")
        assert "ends in" in post.subjects()[0]
        assert "has ended" in post.subjects()[-1]
