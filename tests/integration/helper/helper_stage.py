"""A site's helper as it runs on a site: its own Unix account, real PAM services, real sudo rules, real people."""

import asyncio
import grp
import multiprocessing
import os
import pwd
import subprocess  # noqa: TID251 - accounts and sudo themselves are what is tested
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armchair.helper import run as helper_run
from armchair.helper.client import HelperClient
from armchair.helper.config import HelperConfig
from armchair.helper.files import pam_service, sudoers

FORK = multiprocessing.get_context("fork")
HELPER, WEB, GATEWAY = "armthelper", "armtweb", "armtgateway"
USERS = "armtusers"
ANNA, BERT, OUTSIDER, EXPIRED, GONE, SERVICE = "armtanna", "armtbert", "armtoutsider", "armtexpired", "armtgone", "armtservice"
PASSWORD, SECRET = "Correct-horse-7", "3132333435363738393031323334353637383930"
CODES = "armchair-test-codes"


@dataclass(frozen=True)
class Site:
    """A running helper, and a client of it as root (whom its door lets in as well)."""

    config: HelperConfig
    root: Path

    def ask(self, what: str, **question: object) -> dict[str, Any]:
        return asyncio.run(HelperClient(self.config.socket).ask(what, question, within=60))

    def login(self, login: str, *answers: str, address: str) -> dict[str, Any]:
        """What a login comes to when these are the answers, one a prompt. Raises Refused."""
        turn = self.ask("login.begin", login=login, address=address)
        left = list(answers)
        while "admitted" not in turn:
            words = [left.pop(0) for _ in turn["prompts"]]
            turn = self.ask("login.answer", conversation=turn["conversation"], answers=words)
        assert not left
        return dict(turn["admitted"])

    def audit(self) -> str:
        return self.config.audit_log.read_text()


def sh(*argv: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, input=stdin, text=True, capture_output=True, check=check, timeout=60)


def as_helper(*argv: str) -> subprocess.CompletedProcess[str]:
    """What the helper's account can do, if the helper were taken over."""
    return sh("setpriv", "--reuid", HELPER, "--regid", HELPER, "--clear-groups", "--", *argv, check=False)


@contextmanager
def accounts() -> Iterator[None]:
    people = (ANNA, BERT, OUTSIDER, EXPIRED, GONE)
    names = (*people, SERVICE, HELPER, WEB, GATEWAY)
    for name in names:
        sh("userdel", name, check=False)
    sh("groupadd", "--force", USERS)
    try:
        for name in people:
            sh("useradd", "--no-create-home", "--shell", "/bin/bash", name)
        for name in (HELPER, WEB, GATEWAY):
            sh("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name)
        sh("useradd", "--system", "--no-create-home", "--shell", "/bin/bash", SERVICE)
        for name in (ANNA, BERT, EXPIRED, GONE, SERVICE):
            sh("usermod", "--append", "--groups", USERS, name)
        sh("chpasswd", stdin="".join(f"{name}:{PASSWORD}\n" for name in (*people, SERVICE)))
        yield
    finally:
        for name in names:
            sh("userdel", name, check=False)
        sh("groupdel", USERS, check=False)


def config_in(root: Path, **changes: object) -> HelperConfig:
    values = {
        "socket": root / "run/helper.sock",
        "web_account": WEB,
        "gateway_account": GATEWAY,
        "account": HELPER,
        "group": USERS,
        "pam_service": "armchair-test",
        "operators": (f"@{BERT}",),
        "admins": (BERT,),
        "state_directory": root / "state",
        "web_keys": root / "keys/web",
        "gateway_keys": root / "keys/gateway",
        "audit_log": root / "log/audit.jsonl",
        "apps_domain": "apps.test",
        "most_hours": 2,
    }
    return HelperConfig.model_validate({**values, **changes})


@contextmanager
def rules(config: HelperConfig, name: str) -> Iterator[None]:
    """The PAM services and the sudo rules of this site, on this machine."""
    pam, codes, sudo = Path("/etc/pam.d", config.pam_service), Path("/etc/pam.d", CODES), Path("/etc/sudoers.d", name)
    usersfile = Path("/etc/armchair-test-codes")
    pam.write_text(pam_service(debian=True))
    codes.write_text(f"auth requisite pam_oath.so usersfile={usersfile} window=20 digits=6\n{pam_service(debian=True)}")
    usersfile.touch(mode=0o600)
    usersfile.write_text(f"HOTP/T30 {ANNA} - {SECRET}\n")
    sudo.touch(mode=0o440)
    sudo.write_text(sudoers(config))
    try:
        assert sh("visudo", "-c", "-q", "-f", str(sudo)).returncode == 0
        yield
    finally:
        for path in (pam, codes, usersfile, sudo):
            path.unlink(missing_ok=True)


@contextmanager
def running(config: HelperConfig, root: Path) -> Iterator[Site]:
    """The helper's process, as the helper's account with the groups that its service gives it."""
    entry = pwd.getpwnam(config.account)
    groups = {name: pwd.getpwnam(name).pw_gid for name in (config.web_account, config.gateway_account)}
    root.chmod(0o755)
    for path, group, mode in (
        (config.socket.parent, entry.pw_gid, 0o755),
        (config.state_directory, entry.pw_gid, 0o700),
        (config.audit_log.parent, entry.pw_gid, 0o750),
        (config.web_keys, groups[config.web_account], 0o2750),
        (config.gateway_keys, groups[config.gateway_account], 0o2750),
    ):
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, entry.pw_uid, group)
        path.chmod(mode)
    file = root / "helper.toml"
    file.write_text(toml(config))
    process = FORK.Process(target=_serve, args=(entry, [grp.getgrnam("shadow").gr_gid, *groups.values()], file))
    process.start()
    try:
        wait_for(config.socket.exists)
        yield Site(config, root)
    finally:
        process.terminate()
        process.join(10)
        assert process.exitcode == 0


def _serve(entry: pwd.struct_passwd, groups: Sequence[int], file: Path) -> None:
    os.setgroups(list(groups))
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    asyncio.run(helper_run.run(file))


def toml(config: HelperConfig) -> str:
    lines, tables = [], []
    for key, value in config.model_dump(mode="json").items():
        if key == "clusters":
            for name, one in value.items():
                tables += [f"[clusters.{name}]", *(f"{field} = {text!r}" for field, text in one.items())]
        else:
            lines.append(f"{key} = {value!r}")
    return "\n".join([*lines, *tables]) + "\n"


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # between two looks
