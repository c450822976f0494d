"""How the job made files before the script that starts the agent closed its own: so does the person's program."""

from typing import Mapping

NAME = "ARMCHAIR_UMASK"
CLOSED = 0o077


def of(environment: Mapping[str, str]) -> int:
    """The mask; what it was is not known: closed to all others."""
    try:
        return int(environment.get(NAME, ""), 8) & 0o777
    except ValueError:
        return CLOSED
