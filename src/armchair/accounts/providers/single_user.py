"""The default: one local person, the one who started the portal, with every role."""

import os
import pwd

from armchair.accounts.actor import Person, PortalRole


class SingleUser:
    """Knows the Unix account that this process runs as, and nobody else."""

    def __init__(self) -> None:
        self.me: Person = _local_person(os.getuid())

    def person(self, login: str) -> Person | None:
        """The one person, when it is their login."""
        return self.me if login == self.me.login else None


def _local_person(uid: int) -> Person:
    # containers often run as a number without a name
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Person(login=f"uid{uid}", name=f"uid{uid}", roles=frozenset(PortalRole))
    full_name = entry.pw_gecos.split(",", 1)[0].strip()
    return Person(login=entry.pw_name, name=full_name or entry.pw_name, roles=frozenset(PortalRole))
