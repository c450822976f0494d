"""Bubblewrap, which Flatpak uses too: https://github.com/containers/bubblewrap."""

from typing import Dict

from armchair.node.container import environment, supervise
from armchair.node.container.box import Box
from armchair.node.container.runtimes.base import DIRECTORIES, Runtime, Start

_NODE = (("--dev-bind", "/dev"), ("--bind", "/proc"), ("--ro-bind", "/sys"))


class Bubblewrap(Runtime):
    """Shows a directory as the root, with the node's devices, processes and network.

    It stays beside the program and ends at the first signal, so a process of ours stands beside it.
    """

    name = "bubblewrap"
    programs = ("bwrap",)
    kinds = DIRECTORIES
    unpacked = True
    namespaces = True
    system = tuple(path for _, path in _NODE)

    def start(self, program: str, box: Box, outside: Dict[str, str]) -> Start:  # noqa: ARG002 - it needs none of it
        """Without a session or process namespace of its own: signals are to reach the program as they would outside."""
        argv = [program, "--unshare-user", "--info-fd", supervise.INFO, "--ro-bind", box.root, "/"]
        for how, path in _NODE:
            argv += [how, path, path]
        for bind in box.binds:
            argv += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
        argv += ["--chdir", box.directory, "--"]
        command, surroundings = environment.handed_on(box.root, box.command, box.environment)
        return Start((*argv, *command), surroundings, supervised=True)
