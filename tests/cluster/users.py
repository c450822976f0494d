"""The ordinary Unix users of the test clusters, shared by all clusters of this machine."""

import fcntl
import grp
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.layout import BASE
from cluster.names import GROUP, PEOPLE
from cluster.shell import run


def ensure() -> None:
    """Create who is missing, with group and password. As often as one likes, and from several processes at once."""
    with _one_at_a_time():
        if not _exists(grp.getgrnam, GROUP):
            run(["groupadd", GROUP])
        missing = [person for person in PEOPLE if not _exists(pwd.getpwnam, person.name)]
        for person in missing:
            run(["useradd", "--create-home", "--shell", "/bin/bash", "--groups", GROUP, person.name])
        if missing:
            run(["chpasswd"], stdin="".join(f"{person.name}:{person.password}\n" for person in PEOPLE))
        members = grp.getgrnam(GROUP).gr_mem
        for person in PEOPLE:
            if person.name not in members:
                run(["usermod", "--append", "--groups", GROUP, person.name])


def remove() -> None:
    """Remove them with their homes."""
    with _one_at_a_time():
        for person in PEOPLE:
            if _exists(pwd.getpwnam, person.name):
                run(["userdel", "--remove", person.name], check=False)  # complains when there is no mail spool
        if _exists(grp.getgrnam, GROUP):
            run(["groupdel", GROUP])


def _exists(look: object, name: str) -> bool:
    try:
        look(name)  # type: ignore[operator]
    except KeyError:
        return False
    return True


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (BASE / ".armchair-cluster-users.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
