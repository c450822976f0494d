"""The port that every container runtime fills."""

import shutil
from typing import Dict, FrozenSet, List, NamedTuple, Tuple

from armchair.node.container.box import Box

DIRECTORIES = frozenset({"directory", "squashfs", "sif"})


class Start(NamedTuple):
    """What to run. `supervised`: the runtime ends at a signal before its program does, so it needs `supervise.run`."""

    argv: Tuple[str, ...]
    environment: Dict[str, str]
    supervised: bool = False


class Runtime:
    """A container runtime: what it can run, and how.

    `kinds`: kinds of images. `unpacked`: whatever the image is, it gets a directory with its content (`stage`), in which every
    target of a bind is there. `namespaces`: it needs an account that can make user namespaces. `gpus`: it can hand over
    NVIDIA's GPUs. `system`: files and directories of the node that it shows without being told. `protects`: it can make
    a bind read-only.
    """

    name = ""
    programs: Tuple[str, ...] = ()
    kinds: FrozenSet[str] = frozenset()
    unpacked = False
    namespaces = False
    gpus = False
    protects = True
    system: Tuple[str, ...] = ()

    def find(self) -> str:
        """The path of the runtime's program, "" when the node has none."""
        return next((path for path in map(shutil.which, self.programs) if path), "")

    def start(self, program: str, box: Box, outside: Dict[str, str]) -> Start:
        """How to run the box's command. `outside` is the job's environment, of which nothing goes inside but by `box`.

        The command sees what `box` names and ends with its own exit code; nothing of its environment stands in an argument.
        """
        raise NotImplementedError


def bind_words(box: Box) -> List[str]:
    """The binds as most runtimes take them: source:target[:ro]."""
    return ["%s:%s%s" % (one.source, one.target, "" if one.writable else ":ro") for one in box.binds]
