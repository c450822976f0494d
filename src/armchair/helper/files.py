"""The helper's two rules for the system, as text: what it may run as others, and how PAM asks for passwords."""

import re

from armchair.helper.config import HelperConfig

KEPT_VARIABLES = ("SLURM_CONF", "SLURM_TIME_FORMAT", "TZ", "LC_ALL")
# ended by itself: what runs as another account we can't end, and a file may be a pipe that nobody ever writes into
TAIL = ("/usr/bin/timeout", "-s", "KILL", "9", "/usr/bin/tail", "-c", "65536", "--")


def sudoers(config: HelperConfig) -> str:
    """The sudo rules: these commands, as members of this group, by the helper's account alone. To be checked by `visudo -c`."""
    commands = sorted(
        {str(cluster.bin_directory / name) for cluster in config.clusters.values() for name in ("sbatch", "scancel")}
    )
    commands.append(" ".join([*TAIL, "*"]))
    kept = " ".join(KEPT_VARIABLES)
    return (
        "# Written by `armchair setup`. Lets Armchair's helper hand in, end and read the output of jobs as a person who has\n"
        "# logged in to the portal, and nothing else.\n"
        f'Defaults:{config.account} env_reset, !requiretty, env_keep += "{kept}"\n'
        f"{config.account} ALL=(%{_word(config.group)}) NOPASSWD: {', '.join(commands)}\n"
    )


def _word(name: str) -> str:
    """A name as sudo reads it: those of a directory's groups may have blanks and backslashes."""
    return re.sub(r'([\s,:=!()\\"#])', r"\\\1", name)


def pam_service(*, debian: bool) -> str:
    """The PAM service: the system's own rules for authentication, accounts and passwords; no session is opened."""
    parts = ("auth", "account", "password")
    lines = [f"@include common-{part}" if debian else f"{part} include password-auth" for part in parts]
    return (
        "# Written by `armchair setup`, and yours from then on: add a line for one-time codes here.\n" + "\n".join(lines) + "\n"
    )
