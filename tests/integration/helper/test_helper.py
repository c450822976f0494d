"""Passwords, assertions, mandates and sudo rules on this machine's own PAM and sudo."""

import asyncio
import json
import os
import pwd
import socket
import time
from dataclasses import asdict
from pathlib import Path

import jwt
import pytest

from armchair.domain.errors import Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.gateway.keys import PublicKeys
from armchair.gateway.tickets import TicketReader
from armchair.helper.client import HelperClient
from armchair.helper.conversation import MOST_AT_ONCE, Conversation
from armchair.helper.files import TAIL
from armchair.helper.logins import MOST_FROM_ONE_ADDRESS
from armchair.sessions.ports import TicketClaims

from .helper_stage import (  # noqa: TID252 - one folder's own
    ANNA,
    BERT,
    CODES,
    EXPIRED,
    GATEWAY,
    GONE,
    HELPER,
    OUTSIDER,
    PASSWORD,
    SECRET,
    SERVICE,
    USERS,
    WEB,
    Site,
    as_helper,
    sh,
)  # fmt: skip

pytestmark = pytest.mark.timeout(180)
MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"


def refusal(site: Site, login: str, password: str, address: str) -> Refused:
    with pytest.raises(Refused) as caught:
        site.login(login, password, address=address)
    return caught.value


def assertion_of(site: Site, login: str = ANNA) -> str:
    return str(site.login(login, PASSWORD, address=f"good-{time.monotonic_ns()}")["assertion"])


# --- passwords ---


def test_the_right_password_lets_in_with_roles(site: Site) -> None:
    anna, bert = (site.login(name, PASSWORD, address="a1") for name in (ANNA, BERT))
    assert (anna["login"], anna["uid"], anna["roles"]) == (ANNA, pwd.getpwnam(ANNA).pw_uid, ["user"])
    assert bert["roles"] == ["user", "operator", "admin"]
    assert anna["expires"] > time.time() + 6 * 86400
    assert site.ask("person", assertion=anna["assertion"])["login"] == ANNA


def test_unknown_people_and_wrong_passwords_get_the_same_answer_in_about_the_same_time(site: Site) -> None:
    seconds: dict[str, float] = {}
    for name in (ANNA, "armtnobody", SERVICE, "root"):
        started = time.monotonic()
        assert refusal(site, name, "wrong", f"b-{name}").code == "login_wrong"
        seconds[name] = time.monotonic() - started
    # PAM's own pause after a failure is between one and three seconds
    assert min(seconds.values()) > 0.5
    assert max(seconds.values()) - min(seconds.values()) < 3


def test_service_accounts_are_told_nothing_even_with_the_right_password(site: Site) -> None:
    assert pwd.getpwnam(SERVICE).pw_uid < site.config.minimum_uid
    assert refusal(site, SERVICE, PASSWORD, "c1").code == "login_wrong"


def test_who_is_not_in_the_group_stays_out(site: Site) -> None:
    assert refusal(site, OUTSIDER, "wrong", "d1").code == "login_wrong"
    assert refusal(site, OUTSIDER, PASSWORD, "d2").code == "not_a_user"


def test_an_account_that_is_over_stays_out_with_the_systems_words(site: Site) -> None:
    sh("chage", "--expiredate", "1", GONE)
    refused = refusal(site, GONE, PASSWORD, "e1")
    assert refused.code == "login_account_over"
    assert "expired" in str(refused.params["messages"])


def test_a_locked_account_stays_out(site: Site) -> None:
    sh("usermod", "--expiredate", "", GONE)
    sh("usermod", "--lock", GONE)
    assert refusal(site, GONE, PASSWORD, "e2").code == "login_wrong"


def test_a_password_that_is_over_is_not_changed_without_the_right_to(site: Site) -> None:
    sh("chage", "--lastday", "0", EXPIRED)
    turn = site.ask("login.begin", login=EXPIRED, address="f1")
    turn = site.ask("login.answer", conversation=turn["conversation"], answers=[PASSWORD])
    assert any("change your password" in message for message in turn["messages"])
    for word in (PASSWORD, "Newer-staple-11"):
        turn = site.ask("login.answer", conversation=turn["conversation"], answers=[word])
    with pytest.raises(Refused, match="password_over"):
        site.ask("login.answer", conversation=turn["conversation"], answers=["Newer-staple-11"])


def test_a_password_that_is_over_is_changed_in_the_same_conversation(site: Site) -> None:
    """As root, who may write /etc/shadow; with passwords in a directory service nobody needs to be root for it."""
    sh("chage", "--lastday", "0", EXPIRED)
    given = [PASSWORD, PASSWORD, "Newer-staple-11", "Newer-staple-11"]

    async def main() -> str:
        conversation = Conversation(site.config.pam_service, EXPIRED, "here")
        turn = await conversation.next()
        while not turn.over:
            assert [prompt.secret for prompt in turn.prompts] == [True]
            conversation.answer([Secret(given.pop(0))])
            turn = await conversation.next()
        return turn.problem

    assert asyncio.run(main()) == ""
    assert given == []
    assert site.login(EXPIRED, "Newer-staple-11", address="f2")["login"] == EXPIRED


def test_a_one_time_code_is_asked_for_besides() -> None:
    code = sh("oathtool", "--totp", SECRET).stdout.strip()

    async def login(code: str) -> str:
        conversation = Conversation(CODES, ANNA, "here")
        turn, asked = await conversation.next(), []
        while not turn.over:
            asked += [prompt.text for prompt in turn.prompts]
            conversation.answer([Secret(code if "One-time" in turn.prompts[0].text else PASSWORD)])
            turn = await conversation.next()
        assert "One-time" in asked[0]
        return turn.problem

    assert asyncio.run(login("000000")) == "login_wrong"
    assert asyncio.run(login(code)) == ""


def test_guessing_is_slowed_down_for_the_guesser_and_not_for_the_person(site: Site) -> None:
    async def guesses(count: int) -> list[str]:
        client = HelperClient(site.config.socket)

        async def guess() -> str:
            turn = await client.ask("login.begin", {"login": ANNA, "address": "guesser"})
            try:
                await client.ask("login.answer", {"conversation": turn["conversation"], "answers": ["wrong"]})
            except Refused as refused:
                return refused.code
            return "admitted"

        return list(await asyncio.gather(*(guess() for _ in range(count))))

    codes = asyncio.run(guesses(8))
    assert sorted(codes) == ["login_too_often"] * 5 + ["login_wrong"] * 3
    refused = refusal(site, ANNA, PASSWORD, "guesser")
    assert refused.code == "login_too_often"
    assert 0 < int(str(refused.params["seconds"])) <= 300
    assert site.login(ANNA, PASSWORD, address="at home")["login"] == ANNA


def test_one_address_can_not_keep_everybody_else_out(site: Site) -> None:
    for _ in range(MOST_FROM_ONE_ADDRESS):
        site.ask("login.begin", login=ANNA, address="hog")
    with pytest.raises(Refused, match="login_busy"):
        site.ask("login.begin", login=ANNA, address="hog")
    assert site.login(ANNA, PASSWORD, address="elsewhere")["login"] == ANNA


def test_who_only_begins_keeps_nobody_out(site: Site) -> None:
    for number in range(MOST_AT_ONCE + 5):
        site.ask("login.begin", login=BERT, address=f"hog-{number % 9}")
    assert site.login(ANNA, PASSWORD, address="elsewhere, too")["login"] == ANNA


def test_other_ways_to_write_a_name_are_no_further_guesses(site: Site) -> None:
    codes = [refusal(site, name, "x", "speller").code for name in ("armtnone", "ARMTNONE", "Armtnone", "armtNone")]
    assert codes == ["login_wrong"] * 3 + ["login_too_often"]


def test_the_addresses_of_one_network_are_one(site: Site) -> None:
    def tries(*addresses: str) -> list[str]:
        return [refusal(site, "armtnowhere", "x", address).code for address in addresses]

    assert tries("2001:db8:7:7::1", "2001:db8:7:7::2", "2001:db8:7:7:ffff::3") == ["login_wrong"] * 3
    assert tries("2001:db8:7:7::4") == ["login_too_often"]
    assert tries("2001:db8:7:8::4") == ["login_wrong"], "another network"
    assert tries("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2") == ["login_wrong"] * 4
    assert tries("::ffff:192.0.2.1") == ["login_too_often"]


@pytest.mark.parametrize("answer", ["x" * 512, "é" * 256, PASSWORD.ljust(60_000), "\ud800"])
def test_an_answer_that_no_module_could_hold_is_a_wrong_one(site: Site, answer: str) -> None:
    assert refusal(site, ANNA, answer, f"long {len(answer)} {answer[:1]!r}").code in {"login_wrong", "login_given_up"}
    assert '"login_unavailable"' not in site.audit()


def test_a_conversation_that_nobody_began_goes_nowhere(site: Site) -> None:
    with pytest.raises(Refused, match="login_given_up"):
        site.ask("login.answer", conversation="x", answers=["y"])


# --- assertions and mandates ---


def test_forged_and_foreign_statements_are_refused(site: Site) -> None:
    assertion = assertion_of(site)
    mandate = site.ask("mandate", assertion=assertion, session="session01", mark=MARK, cluster="slurm")["mandate"]
    claims = {"sub": ANNA, "uid": pwd.getpwnam(ANNA).pw_uid, "iss": "armchair-helper", "aud": "assertion", "exp": 2**31}
    for forged in (
        jwt.encode(claims, b"x" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        assertion[:-4] + "AAAA",
        mandate,
        "",
        "a.b.c",
    ):
        with pytest.raises(Refused, match="assertion_unknown"):
            site.ask("person", assertion=forged)
    for forged in (assertion, jwt.encode({**claims, "aud": "mandate"}, b"x" * 32, algorithm="HS256")):
        with pytest.raises(Refused, match="mandate_unknown"):
            site.ask("identity", mandate=forged, run="session01-1")


def test_statements_end(site: Site) -> None:
    key = (site.config.state_directory / "statements.key").read_bytes()
    claims = {"sub": ANNA, "uid": pwd.getpwnam(ANNA).pw_uid, "iss": "armchair-helper", "aud": "assertion"}
    good = jwt.encode({**claims, "exp": int(time.time()) + 60}, key, algorithm="HS256")
    assert site.ask("person", assertion=good)["login"] == ANNA
    for bad in ({"exp": int(time.time()) - 1}, {}, {"exp": int(time.time()) + 60, "uid": 0}):
        with pytest.raises(Refused):
            site.ask("person", assertion=jwt.encode({**claims, **bad}, key, algorithm="HS256"))


def test_who_leaves_the_group_is_nobody_any_more(site: Site) -> None:
    assertion = assertion_of(site)
    sh("gpasswd", "--delete", ANNA, USERS)
    try:
        with pytest.raises(Refused, match="not_a_user"):
            site.ask("person", assertion=assertion)
    finally:
        sh("usermod", "--append", "--groups", USERS, ANNA)
    assert site.ask("person", assertion=assertion)["login"] == ANNA


@pytest.mark.parametrize("change", [{"mark": "x"}, {"mark": "--uid=0000000"}, {"cluster": "other"}])
def test_a_mandate_is_for_a_mark_and_a_cluster_that_there_are(site: Site, change: dict[str, str]) -> None:
    with pytest.raises(Refused, match="mandate_unknown"):
        site.ask(
            "mandate", **{"assertion": assertion_of(site), "session": "session01", "mark": MARK, "cluster": "slurm", **change}
        )


def test_a_session_stays_whose_it_is(site: Site) -> None:
    question = {"session": "session04", "mark": MARK, "cluster": "slurm"}
    for _ in range(2):
        assert site.ask("mandate", assertion=assertion_of(site), **question)["mandate"]
    with pytest.raises(Refused, match="not_your_session"):
        site.ask("mandate", assertion=assertion_of(site, BERT), **question)


def test_tickets_and_certificates_are_for_ones_own_sessions(site: Site) -> None:
    anna, bert = assertion_of(site), assertion_of(site, BERT)
    mandate = site.ask("mandate", assertion=anna, session="session01", mark=MARK, cluster="slurm")["mandate"]
    claims = TicketClaims(
        session="session01", run="session01-1", subject=ANNA, role="use", address="10.0.0.1", port=20000, login="l", id="i",
        issued_at=int(time.time()), expires_at=int(time.time()) + 3600,
    )  # fmt: skip
    ticket = site.ask("ticket", assertion=anna, mandate=mandate, claims=asdict(claims))["ticket"]
    assert TicketReader(PublicKeys.load(site.config.web_keys).tickets).read(ticket) == claims
    for proof, change, code in (
        (bert, {}, "not_your_session"),
        (bert, {"subject": BERT}, "not_your_session"),
        (anna, {"session": "session02"}, "not_your_session"),
        (anna, {"expires_at": int(time.time()) + 8 * 86400}, "ticket_too_long"),
        (anna, {"port": "20000"}, "malformed"),
    ):
        with pytest.raises(Refused, match=code):
            site.ask("ticket", assertion=proof, mandate=mandate, claims={**asdict(claims), **change})
    assert "BEGIN CERTIFICATE" in site.ask("identity", mandate=mandate, run="session01-2")["certificate"]
    with pytest.raises(Refused, match="not_your_session"):
        site.ask("identity", mandate=mandate, run="session02-1")


# --- who may ask, who may read ---


def asked_as(name: str, path: Path) -> str:
    """What a process of this account gets for a ping."""
    entry, (ours, theirs) = pwd.getpwnam(name), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(path))
                connection.sendall(b'{"do":"ping"}\n')
                os.write(theirs, connection.recv(1000) or b"closed")
        except OSError as error:
            os.write(theirs, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        return answer.read()


def test_only_the_web_process_is_answered(site: Site) -> None:
    assert "instance" in asked_as(WEB, site.config.socket)
    assert asked_as(ANNA, site.config.socket) == "PermissionError"
    # and not for its mode alone
    site.config.socket.chmod(0o666)
    try:
        assert asked_as(ANNA, site.config.socket) in {"closed", "ConnectionResetError", "BrokenPipeError"}
        assert asked_as(GATEWAY, site.config.socket) in {"closed", "ConnectionResetError", "BrokenPipeError"}
    finally:
        site.config.socket.chmod(0o660)


def test_keys_go_to_whom_they_are_for(site: Site) -> None:
    assert {path.name for path in site.config.web_keys.iterdir()} == {
        "instance", "portal.key", "ticket.pub", "gateway-ca.crt", "agents-ca.crt",
    }  # fmt: skip
    for directory, account in ((site.config.web_keys, WEB), (site.config.gateway_keys, GATEWAY)):
        for path in directory.iterdir():
            found = path.stat()
            assert (found.st_uid, found.st_gid) == (pwd.getpwnam(HELPER).pw_uid, pwd.getpwnam(account).pw_gid)
            assert found.st_mode & 0o137 == 0
    secret = site.config.state_directory / "keys" / "ticket.key"
    assert sh("setpriv", "--reuid", WEB, "--regid", WEB, "--clear-groups", "cat", str(secret), check=False).returncode != 0


def test_the_record_tells_what_was_done_and_no_secret(site: Site) -> None:
    refusal(site, ANNA, "my-wrong-Password", "g1")
    assertion = assertion_of(site)
    site.ask("mandate", assertion=assertion, session="session07", mark=MARK, cluster="slurm")
    lines = [json.loads(line) for line in site.audit().splitlines()]
    assert any(line["what"] == "login" and line["result"] == "login_wrong" and line["address"] == "g1" for line in lines)
    assert any(line["what"] == "mandate" and line["session"] == "session07" and line["login"] == ANNA for line in lines)
    for secret in ("my-wrong-Password", PASSWORD, assertion):
        assert secret not in site.audit()
    assert site.config.audit_log.stat().st_mode & 0o777 == 0o640 & ~0o077 | 0o600


def test_without_a_helper_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="helper_silent"):
        asyncio.run(HelperClient(tmp_path / "none.sock").ask("ping", {}))


# --- sudo ---


@pytest.mark.parametrize(
    "words",
    [
        ("-u", ANNA, "--", "/bin/sh", "-c", "id"),
        ("-u", ANNA, "--", "/usr/bin/squeue"),
        ("-u", ANNA, "--", "/usr/bin/scontrol", "ping"),
        ("-u", ANNA, "--", "/usr/bin/tail", "-f", "/etc/hostname"),
        ("-u", ANNA, "--", "/tmp/sbatch"),
        ("-u", "root", "--", "/usr/bin/sbatch", "--version"),
        ("-u", OUTSIDER, "--", "/usr/bin/sbatch", "--version"),
        ("-u", WEB, "--", "/usr/bin/sbatch", "--version"),
        ("-u", ANNA, "-g", "root", "--", "/usr/bin/sbatch", "--version"),
        ("-u", ANNA, "LD_PRELOAD=/tmp/x.so", "/usr/bin/sbatch", "--version"),
        ("-s",),
        ("-u", ANNA, "-e", "/etc/hostname"),
    ],
)
def test_sudo_allows_nothing_else(site: Site, words: tuple[str, ...]) -> None:
    assert as_helper("sudo", "-n", *words).returncode != 0


def test_sudo_allows_what_is_needed_to_the_helper_alone(site: Site) -> None:
    become = ("sudo", "-n", "-H", "-u", ANNA, "--")
    argv = (*become, *TAIL, "/etc/hostname")
    assert as_helper(*argv).stdout == Path("/etc/hostname").read_text()
    # with or without a cluster it is sbatch that answers, and not sudo
    done = as_helper(*become, "/usr/bin/sbatch", "--version")
    assert "sudo" not in done.stderr
    assert "slurm" in done.stdout or "sbatch" in done.stderr
    for account in (WEB, GATEWAY, ANNA, BERT):
        assert sh("setpriv", "--reuid", account, "--regid", account, "--clear-groups", *argv, check=False).returncode != 0
