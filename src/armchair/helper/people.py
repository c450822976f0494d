"""Who may be acted for: members of one group with an ordinary uid and a shell; and their roles."""

import pwd
from dataclasses import dataclass

from armchair.domain.errors import Refused, Unavailable
from armchair.helper import names
from armchair.helper.config import HelperConfig

_NO_SHELLS = ("nologin", "false", "sync", "halt", "shutdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Unix account that may use the portal."""

    login: str
    uid: int
    name: str
    home: str
    roles: tuple[str, ...]


def account(config: HelperConfig, login: str) -> Account:
    """The account of this login, as it is now.

    Raises Refused("not_a_user") for everybody else, and Unavailable("names_silent") when the name service can't say.
    """
    entry = names.user(login)
    groups = names.groups_of(entry) if entry is not None else frozenset()
    if config.group not in groups and not names.is_group(config.group):
        # a service that is away and does not say so: it would know this group at least
        raise Unavailable("names_silent", reason=f"there is no group {config.group}")
    if entry is None or config.group not in groups or not _is_ordinary(config, entry) or entry.pw_name != login:
        raise Refused("not_a_user", login=login)
    if names.has_ended(login):
        raise Refused("not_a_user", login=login)
    name = entry.pw_gecos.split(",", 1)[0].strip() or login
    return Account(login=login, uid=entry.pw_uid, name=name, home=entry.pw_dir, roles=_roles(config, login, groups))


def known_as(login: str) -> str:
    """The login as the directory writes it.

    Some take ADA, ada and ada@example.org for the same: each of them would be good for as many guesses as a login of its own.
    """
    try:
        entry = names.user(login)
    except Unavailable:
        entry = None
    return entry.pw_name if entry is not None else login.casefold()


def may_be_a_person(config: HelperConfig, login: str) -> bool:
    """Whether PAM may be asked about this login at all.

    Not for root and service accounts: nobody shall find out here whether a password is theirs. Unknown logins go to PAM, so
    that they take as long as wrong passwords.
    """
    try:
        entry = names.user(login)
    except Unavailable:
        return True
    return entry is None or _is_ordinary(config, entry)


def _is_ordinary(config: HelperConfig, entry: pwd.struct_passwd) -> bool:
    return entry.pw_uid >= config.minimum_uid and not entry.pw_shell.endswith(_NO_SHELLS)


def _roles(config: HelperConfig, login: str, groups: frozenset[str]) -> tuple[str, ...]:
    def among(listed: tuple[str, ...]) -> bool:
        if login in listed or any(f"@{group}" in listed for group in groups):
            return True
        # not to be in a group that nobody can say anything of takes nobody's role away
        for group in (name[1:] for name in listed if name.startswith("@")):
            names.is_group(group)
        return False

    roles = ["user"]
    if among(config.operators) or among(config.admins):
        roles.append("operator")
    if among(config.admins):
        roles.append("admin")
    return tuple(roles)
