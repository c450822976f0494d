"""No secret shows where it does not belong (I9): looked for in every process, file, page and request of a session's life."""

import base64
import http.client
import os
import re
import signal
from collections.abc import Iterator, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from armchair.client import read

from .portal_stage import Stage, eventually  # noqa: TID252 - one folder's own

Haystack = tuple[str, bytes]


class Browser:
    """Asks as a browser does; keeps the cookies of each host and every answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cookies: dict[str, dict[str, str]] = {}
        self.answers: list[Haystack] = []

    def ask(self, url: str, form: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Status, body and Location of one request; redirects are not followed."""
        parts = urlsplit(url)
        headers = {"Host": parts.netloc, "Sec-Fetch-Site": "same-origin" if form else "none", "Sec-Fetch-Mode": "navigate"}
        headers["Sec-Fetch-Dest"] = "document"
        kept = self.cookies.setdefault(parts.netloc, {})
        if kept:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        if form is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"{parts.scheme}://{parts.netloc}"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("POST" if form else "GET", path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            kept |= {name: morsel.value for name, morsel in SimpleCookie(line).items() if morsel.value}
        self.answers.append((f"answer to {parts.path}", body))
        return answer.status, body.decode(), answer.headers.get("Location") or ""


def files_below(*places: Path) -> Iterator[Haystack]:
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield f"file {path}", path.read_bytes()


def processes() -> Iterator[Haystack]:
    """Arguments and environment of every process but this one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        for what in ("cmdline", "environ"):
            try:
                yield f"{what} of {entry.name}", (entry / what).read_bytes()
            except OSError:
                continue


def found_in(secret: str | bytes, haystacks: list[Haystack]) -> list[str]:
    word = secret.encode() if isinstance(secret, str) else secret
    return [name for name, hay in haystacks if word in hay]


def log_in(stage: Stage, browser: Browser, link: str) -> str:
    """Log in with a link; the code that was in it."""
    [code] = re.findall(r"code=([\w-]+)", link)
    portal = urlsplit(link)
    assert browser.ask(link)[0] == 200
    status, _, _ = browser.ask(f"{portal.scheme}://{portal.netloc}/login", {"code": code})
    assert status == 303
    return str(code)


def join(browser: Browser, portal: str, session: str) -> tuple[str, str]:
    """Join by way of the portal's page; the join code, and the origin that it led to."""
    status, _, entry = browser.ask(f"{portal}/sessions/{session}/join")
    assert status == 303
    [code] = re.findall(r"code=([\w-]+)", entry)
    status, _, target = browser.ask(entry)
    assert (status, target) == (303, "/")
    host = urlsplit(entry)
    return str(code), f"{host.scheme}://{host.netloc}"


def look_around(stage: Stage, browser: Browser, portal: str, session: str) -> None:
    """Load every page, and everything that the API says."""
    for path in ("/", "/sessions", f"/sessions/{session}", f"/sessions/{session}/live", "/applications", "/account"):
        browser.ask(portal + path)
    client = stage.client
    texts = [client.script(session), client.log(session), repr(client.timeline(session)), repr(client.session(session).data)]
    texts += [repr(client.sessions().data), repr(client.applications()), repr(client.status()), repr(client.doctor())]
    browser.answers += [("an answer of the API", text.encode()) for text in texts]


def test_no_secret_is_where_it_does_not_belong(stage: Stage) -> None:
    browser, kept = Browser(stage.port), read(stage.home)
    assert kept is not None
    portal = kept.url
    code = log_in(stage, browser, stage.client.login_link())
    session = stage.launch()
    join_code, origin = join(browser, portal, session.id)
    _, seen, _ = browser.ask(f"{origin}/request")
    _, environment, _ = browser.ask(f"{origin}/environment")
    assert seen.startswith("GET /request")
    assert f"ARMCHAIR_SESSION={session.id}" in environment
    look_around(stage, browser, portal, session.id)
    [directory] = re.findall(r"^ARMCHAIR_DIR=(.+)$", environment, re.MULTILINE)

    [login] = browser.cookies[urlsplit(portal).netloc].values()
    [ticket] = browser.cookies[urlsplit(origin).netloc].values()
    cli = stage.client.entry(session.id).value
    keys = stage.keys
    everything = [*files_below(stage.home, Path(directory)), *processes(), *browser.answers]
    secrets = {
        "enrolment token": stage.derived.enrolment_token(session.id, 1).reveal(),
        "its proof": stage.derived.enrolment_token(session.id, 1).reveal().rpartition(".")[2],
        "credential": stage.derived.credential(session.id, 1, 0).reveal().rpartition(".")[2],
        "login code": code,
        "login cookie": login,
        "join code": join_code,
        "ticket": ticket.rpartition(".")[2],
        "ticket of the command line": cli.rpartition(".")[2],
    }
    assert all(len(secret) >= 20 for secret in secrets.values()), "long enough to be found only where they are"
    found = {name: found_in(secret, everything) for name, secret in secrets.items()}
    # the link's page posts the code that the link brought: nothing that fetches links ahead of people must use it up
    assert found.pop("login code") == ["answer to /login"]
    assert {name: places for name, places in found.items() if places} == {}

    # secrets that have a place: nowhere else. They show that the search finds what is there.
    assert found_in(kept.token, everything) == [f"file {stage.home}/client.json"]
    in_keys = [f"file {path}" for path in sorted((stage.home / "keys").iterdir())]
    for form in (keys.portal_key, keys.portal_key.hex().encode(), base64.b64encode(keys.portal_key)):
        assert set(found_in(form, everything)) <= set(in_keys)
    private = set(found_in("PRIVATE KEY", everything))
    assert private
    assert private <= set(in_keys)
    lines = _private_lines(stage.home / "keys")
    assert lines
    assert set().union(*(found_in(line, everything) for line in lines)) <= set(in_keys)
    assert not list(Path("/dev/shm").glob(f"armchair-{stage.agent(session.id)}-*")), "the run's key is on no disk"


def test_nothing_of_it_stays_after_the_end_and_the_next_start(stage: Stage) -> None:
    session = stage.launch()
    token = stage.derived.enrolment_token(session.id, 1).reveal()
    assert stage.portal is not None
    os.kill(stage.agent(session.id), signal.SIGTERM)
    stage.outcome(session.id)
    stage.portal.kill()
    stage.up()
    everything = [*files_below(stage.home), *processes()]
    assert found_in(token, everything) == []
    eventually(lambda: not list((stage.home / "local" / "jobs").iterdir()), "the launcher has forgotten the job")
    assert session.id.encode() in dict(everything)[f"file {stage.home}/portal.log"], "the log is where we looked"


def _private_lines(keys: Path) -> list[str]:
    """A line of each private key's base64."""
    found = []
    for path in keys.iterdir():
        text = path.read_text("latin-1")
        found += re.findall(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n([A-Za-z0-9+/=]{40,})\n", text)
    return found
