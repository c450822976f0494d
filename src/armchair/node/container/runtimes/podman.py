"""Podman without root: https://docs.podman.io/en/latest/markdown/podman-run.1.html."""

import os
from typing import Dict, Tuple

from armchair.node.container.box import Box
from armchair.node.container.runtimes.base import Runtime, Start, bind_words

_TRANSPORTS = {"oci-archive": "oci-archive", "docker-archive": "docker-archive", "oci-directory": "oci"}

# without --cgroups=disabled, which Podman does not allow together with the node's processes
_ALWAYS: Tuple[str, ...] = (
    "--rm",
    "--read-only",
    "--read-only-tmpfs=false",
    "--userns=keep-id",
    "--network=host",
    "--pid=host",
)
_ALWAYS += ("--security-opt=label=disable",)
_PODMANS_TOO = frozenset({"PATH", "HOME", "XDG_RUNTIME_DIR"})


class Podman(Runtime):
    """Runs OCI images; it unpacks them into its own storage at the first start."""

    name = "podman"
    programs = ("podman",)
    kinds = frozenset(_TRANSPORTS)
    namespaces = True
    gpus = True

    def start(self, program: str, box: Box, outside: Dict[str, str]) -> Start:
        """The node's processes and network are the container's: as process 1 the program would not hear its stop signal."""
        argv = [program, "run", *_ALWAYS, "--workdir", box.directory, "--entrypoint", ""]
        # X11's shared memory; not every node has what Podman looks for when it is asked to share this
        argv += ["--ipc=host"] if os.path.isdir("/dev/mqueue") else []
        argv += ["--device", "nvidia.com/gpu=all"] if box.nv else []
        for words in bind_words(box):
            argv += ["--volume", words]
        # a name without a value is taken from podman's own environment: values stay out of the arguments, but for those that
        # would lead podman itself astray
        ours = {name for name in box.environment if name in _PODMANS_TOO or name.startswith("LD_")}
        for name in sorted(box.environment):
            argv += ["--env", "%s=%s" % (name, box.environment[name]) if name in ours else name]
        environment = {**outside, **{name: text for name, text in box.environment.items() if name not in ours}}
        if "XDG_RUNTIME_DIR" in ours:
            # the session's: podman would note it down in the person's home as its own place, for all times and all nodes
            environment.pop("XDG_RUNTIME_DIR", None)
        image = "%s:%s" % (_TRANSPORTS[box.kind], box.root)
        return Start((*argv, image, *box.command), environment)
