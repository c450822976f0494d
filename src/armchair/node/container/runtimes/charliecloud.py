"""Charliecloud's ch-run: https://hpc.github.io/charliecloud/ch-run.html."""

from typing import Dict

from armchair.node.container import environment
from armchair.node.container.box import Box
from armchair.node.container.runtimes.base import DIRECTORIES, Runtime, Start


class Charliecloud(Runtime):
    """Becomes the program itself, so that signals and exit codes are the program's.

    It can mount squashfs too, but then stays beside the program and ends at the first signal, with exit code 0 (0.31).
    """

    name = "charliecloud"
    programs = ("ch-run",)
    kinds = DIRECTORIES
    unpacked = True
    namespaces = True
    protects = False
    system = ("/dev", "/proc", "/sys", "/etc/resolv.conf", "/etc/hosts")

    def start(self, program: str, box: Box, outside: Dict[str, str]) -> Start:  # noqa: ARG002 - it needs none of it
        """The environment is the one that it is started with. Its own /etc/passwd has / for a home, which Java believes."""
        argv = [program, "--no-passwd", "--cd", box.directory]
        for bind in box.binds:
            argv += ["--bind", "%s:%s" % (bind.source, bind.target)]
        command, surroundings = environment.handed_on(box.root, box.command, box.environment)
        return Start((*argv, box.root, "--", *command), surroundings)
