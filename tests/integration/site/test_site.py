"""A site for many people: each logs in with the cluster's password, works as themselves, and reaches nobody else's work."""

from collections.abc import Callable

import pytest

from armchair.client import Client
from armchair.client.errors import ApiError, ClientError
from armchair.testing.processes import eventually
from cluster.names import ALICE, BOB, CAROL, Person

from .site_stage import MOST_HOURS, SitePortal  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(240)


def launched(site: SitePortal, person: Person) -> tuple[Client, str]:
    """A session of this person's that is ready."""
    client = site.client(person)
    session = client.launch("hello").id
    site.reach(client, session, "ready")
    return client, session


def test_people_log_in_and_their_jobs_run_as_themselves(site: SitePortal) -> None:
    for person in (ALICE, BOB):
        client, session = launched(site, person)
        job = site.cluster.job(site.job(person.name))
        assert job["UserId"].startswith(f"{person.name}("), job
        seen = site.cluster.exec_on(job["NodeList"], ["ps", "-U", person.name, "-o", "args="], check=False).stdout
        assert "agent" in seen, seen
        assert site.visit(client, session) == 200


def test_a_wrong_password_is_told_as_an_unknown_name_is(site: SitePortal) -> None:
    answers = [site.log_in(name, "wrong") for name in (ALICE.name, "nobody-has-this-name")]
    assert answers == [(403, ""), (403, "")]
    pages = [site.request("POST", "/login", {"login": name, "password": "wrong"})[2] for name in ("armcarol", "armnone")]
    assert pages[0].replace("armcarol", "X") == pages[1].replace("armnone", "X")


def test_anothers_session_is_not_there(site: SitePortal) -> None:
    alice, session = launched(site, ALICE)
    bob = site.client(BOB)
    tries: tuple[Callable[[], object], ...] = (
        lambda: bob.session(session),
        lambda: bob.stop(session),
        lambda: bob.rename(session, "mine"),
        lambda: bob.extend(session, 60),
        lambda: bob.log(session),
        lambda: bob.timeline(session),
        lambda: bob.entry(session),
    )
    for attempt in tries:
        with pytest.raises(ApiError) as no:
            attempt()
        assert no.value.status == 404, no.value
    assert session not in [one.id for one in bob.sessions().sessions]
    _, cookie = site.log_in(BOB.name, BOB.password)
    for path in (f"/sessions/{session}", f"/sessions/{session}/join"):
        assert site.request("GET", path, cookie=cookie)[0] == 404
    entry = bob.entry(launched(site, BOB)[1])
    assert site.request("GET", "/", cookie=f"{entry.name}={entry.value}", host=site.names.session_host(session))[0] != 200
    assert site.visit(alice, session) == 200, "and its owner is still let in"


def test_more_time_is_given_by_the_helper_up_to_the_sites_limit(site: SitePortal) -> None:
    client, session = launched(site, ALICE)
    job = site.job(ALICE.name)
    before = site.cluster.job(job)["TimeLimit"]
    client.extend(session, 3600)
    eventually(lambda: site.cluster.job(job)["TimeLimit"] != before, "Slurm knows the new limit", 20)
    assert site.cluster.job(job)["TimeLimit"] == "02:00:00"
    with pytest.raises(ApiError) as no:
        client.extend(session, MOST_HOURS * 3600)
    assert "the site allows at most" in str(no.value), (
        "the helper's own refusal, for Slurm would have given an operator the time"
    )
    assert site.cluster.job(job)["TimeLimit"] == "02:00:00"


def test_sessions_outlive_the_helper_and_the_web_process(site: SitePortal) -> None:
    client, session = launched(site, ALICE)
    entry = client.entry(session)
    cookie, host = f"{entry.name}={entry.value}", site.names.session_host(session)
    site.kill("helper")
    assert site.request("GET", "/", cookie=cookie, host=host)[0] == 200
    with pytest.raises(ClientError):
        client.launch("hello")
    site.start("helper")
    site.kill("web")
    assert site.request("GET", "/", cookie=cookie, host=host)[0] == 200, "nobody asks the web process"
    site.start("web")
    site.reach(client, session, "ready")
    assert site.request("GET", "/", cookie=cookie, host=host)[0] == 200
    client.stop(session)
    site.reach(client, session, "ended")
    again = client.launch("hello").id
    site.reach(client, again, "ready")
    assert site.visit(client, again) == 200, "a login made before the helper was killed counts"


def test_web_process_and_gateway_hold_no_power(site: SitePortal) -> None:
    config = site.site.helper
    alices = f"/home/{ALICE.name}/private-{site.helper}"
    site.cluster.run(["sh", "-c", f"umask 077; echo mine > {alices}"], user=ALICE.name)
    for account in (site.web, site.gateway):
        for path in (config.state_directory, config.audit_log, "/etc/shadow", alices):
            assert site.as_account(account, "cat", str(path)).returncode != 0, (account, path)
        for command in (["sh", "-c", "id"], ["/usr/bin/sbatch", "--version"]):
            for target in (ALICE.name, site.helper, "root"):
                assert site.as_account(account, "sudo", "-n", "-u", target, *command).returncode != 0, (account, command)
    for path in config.gateway_keys.iterdir():
        assert site.as_account(site.web, "cat", str(path)).returncode != 0, path
    for path in config.web_keys.iterdir():
        assert site.as_account(site.gateway, "cat", str(path)).returncode != 0, path
    assert site.as_account(site.web, "cat", str(config.web_keys / "portal.key")).returncode == 0, "it may read its own"
    for path in config.web_keys.iterdir():
        assert site.as_account(site.web, "sh", "-c", f"echo x >> {path}").returncode != 0, path
    assert "ok" in site.ask("ping")
    for groups in ([], [site.web]):
        assert "ok" not in site.ask("ping", account=site.gateway, groups=groups), "only one account is answered, not its group"


def test_who_leaves_the_operators_is_none_without_a_new_login(site: SitePortal) -> None:
    site.cluster.run(["gpasswd", "--add", CAROL.name, site.operators])
    try:
        _, cookie = site.log_in(CAROL.name, CAROL.password)
        assert site.request("GET", "/admin", cookie=cookie)[0] == 200
        site.kill("helper")
        site.cluster.run(["gpasswd", "--delete", CAROL.name, site.operators])
        asked = site.said().count("accounts.not_asked")
        eventually(lambda: site.said().count("accounts.not_asked") > asked + 1, "it was asked for in vain", 20)
        assert site.request("GET", "/admin", cookie=cookie)[0] == 200, "silence takes nothing"
        site.start("helper")
        eventually(lambda: site.request("GET", "/admin", cookie=cookie)[0] == 404, "the role is gone", 15)
        assert site.request("GET", "/account", cookie=cookie)[0] == 200, "the login goes on"
    finally:
        site.cluster.run(["gpasswd", "--delete", CAROL.name, site.operators], check=False)


def test_whose_account_is_closed_is_out_with_all_open_pages(site: SitePortal) -> None:
    alice, hers = launched(site, ALICE)
    client, session = launched(site, BOB)
    _, cookie = site.log_in(BOB.name, BOB.password)
    entry = client.entry(session)
    ticket, host = f"{entry.name}={entry.value}", site.names.session_host(session)
    assert site.request("GET", "/", cookie=ticket, host=host)[0] == 200
    assert site.request("GET", "/account", cookie=cookie)[0] == 200
    site.cluster.run(["chage", "--expiredate", "1", BOB.name])
    try:
        eventually(lambda: site.request("GET", "/account", cookie=cookie)[0] == 303, "the page asks for a login", 15)
        eventually(lambda: site.request("GET", "/", cookie=ticket, host=host)[0] != 200, "the session is shut", 15)
        with pytest.raises(ApiError) as no:
            client.sessions()
        assert no.value.status == 401
        assert site.log_in(BOB.name, BOB.password)[1] == ""
        assert site.visit(alice, hers) == 200
    finally:
        site.cluster.run(["chage", "--expiredate", "-1", BOB.name])
    assert site.log_in(BOB.name, BOB.password)[1], "and back with a new login"


def test_no_login_is_made_by_a_link(site: SitePortal) -> None:
    with pytest.raises(ApiError) as no:
        site.client(ALICE).login_link()
    assert (no.value.status, no.value.code) == (403, "login_by_password")


MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"
SESSION = "z" * 26


def sbatch(mark: str = MARK) -> list[str]:
    fixed = ["sbatch", "--parsable", "--export=NONE", "--chdir=/", "--output=/dev/null", f"--job-name=x:{mark}"]
    return [*fixed, f"--comment={mark}", "--nodes=1", "--ntasks=1", "--cpus-per-task=1", "--time=5"]


def act(site: SitePortal, mandate: str, argv: list[str], **more: object) -> dict[str, object]:
    return site.ask("act", mandate=mandate, argv=argv, timeout=30, **more)


def refusal(answer: dict[str, object]) -> object:
    assert "ok" not in answer, answer
    return answer.get("error")


def test_a_web_process_that_was_taken_over_acts_for_nobody_without_their_login(site: SitePortal) -> None:
    script = {"stdin": "#!/bin/sh\nid\n"}
    for forged in ("", "x", "a.b.c"):
        assert refusal(act(site, forged, sbatch(), **script)) == "mandate_unknown"
        question = {"assertion": forged, "session": SESSION, "mark": MARK, "cluster": "hpc"}
        assert refusal(site.ask("mandate", **question)) == "assertion_unknown"
    assertion = site.assertion(ALICE)
    assert refusal(act(site, assertion, sbatch(), **script)) == "mandate_unknown", "an assertion is no mandate"
    assert site.cluster.run(["squeue", "-h"]).stdout == ""


def test_with_somebodys_login_it_gets_no_further_than_their_own_sessions(site: SitePortal) -> None:
    bobs, session = launched(site, BOB)
    foreign = site.job(BOB.name)
    unmarked = site.cluster.submit(script="sleep 300", user=ALICE.name)
    assertion = site.assertion(ALICE)
    question = {"assertion": assertion, "mark": MARK, "cluster": "hpc"}
    assert refusal(site.ask("mandate", session=session, **question)) == "not_your_session", "Bob's session stays Bob's"
    mandate = str(site.ask("mandate", session=SESSION, **question)["ok"]["mandate"])
    assert refusal(act(site, mandate, sbatch(MARK[:-1] + "0"), stdin="#!/bin/sh\n")) == "command_not_allowed"
    for job in (foreign, unmarked):
        assert refusal(act(site, mandate, ["scancel", job])) == "not_your_job"
        assert refusal(act(site, mandate, ["scontrol", "update", f"JobId={job}", "TimeLimit=60"])) == "not_your_job"
    claims = {"run": f"{session}-1", "role": "use", "address": "10.0.0.1", "port": 4000, "login": "l", "id": "i"}
    times = {"issued_at": 1, "expires_at": 2_000_000_000}
    for whose in (session, SESSION):
        for subject in (ALICE.name, BOB.name):
            wanted = {**claims, **times, "session": whose, "subject": subject}
            if (whose, subject) != (SESSION, ALICE.name):
                answer = site.ask("ticket", assertion=assertion, mandate=mandate, claims=wanted)
                assert refusal(answer) == "not_your_session", (whose, subject)
    assert refusal(site.ask("identity", mandate=mandate, run=f"{session}-1")) == "not_your_session"
    for argv in (["sh", "-c", "id"], ["sbatch", "--wrap=id"], ["scancel", f"--user={ALICE.name}", "1"]):
        assert refusal(act(site, mandate, argv)) in {"command_not_allowed", "not_your_job"}
    assert {site.cluster.state(foreign), site.cluster.state(unmarked)} <= {"RUNNING", "PENDING"}
    assert site.visit(bobs, session) == 200


def test_what_was_done_for_whom_is_written_down_and_nothing_secret(site: SitePortal) -> None:
    client, session = launched(site, ALICE)
    client.stop(session)
    site.reach(client, session, "ended")
    whole = site.audit()
    acts = [line["argv"][0] for line in whole if line["what"] == "act" and line.get("session") == session]
    assert {"sbatch", "scancel"} <= set(acts), acts
    assert [line for line in whole if line["what"] == "login" and line["result"] == "admitted" and line["login"] == ALICE.name]
    text = site.site.helper.audit_log.read_text()
    places = [text, site.said(), *(path.read_text() for path in site.site.home.glob("*.log"))]
    for secret in (ALICE.password, BOB.password, site.assertion(ALICE).split(".")[0]):
        assert not [place for place in places if secret in place]
