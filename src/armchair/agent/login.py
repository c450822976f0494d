"""What every login sets and a scheduler may not: run scripts count on it, and so do the programs that they start."""

import os
import pwd
from typing import MutableMapping

PATH = "/usr/local/bin:/usr/bin:/bin"


def complete(environment: MutableMapping[str, str]) -> None:
    """Fill in what is missing or empty, as far as this node knows the account."""
    if not environment.get("PATH"):
        environment["PATH"] = PATH
    if all(environment.get(name) for name in ("HOME", "USER", "LOGNAME", "SHELL")):
        return
    try:
        known = pwd.getpwuid(os.geteuid())
    except KeyError:
        return
    for name, text in (
        ("HOME", known.pw_dir),
        ("USER", known.pw_name),
        ("LOGNAME", known.pw_name),
        ("SHELL", known.pw_shell),
    ):
        if text and not environment.get(name):
            environment[name] = text
