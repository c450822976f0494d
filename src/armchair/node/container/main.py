"""`container PROGRAM ARGUMENTS…`: becomes the container runtime with that program inside.

A program without a slash that lies in the run's private directory is that file, which is seen inside at the same path.
"""

import os
import sys
from typing import NamedTuple, Sequence, Tuple

from armchair.node.container import accounts, box, environment, image, patience, supervise
from armchair.node.container.box import Bind, Box, Wish
from armchair.node.container.image import Image
from armchair.node.container.runtimes import known
from armchair.node.container.runtimes.base import Runtime, Start
from armchair.node.container.stage import Stage
from armchair.wire import runnable
from armchair.wire import trouble as wire_trouble
from armchair.wire.trouble import Trouble

NOT_STARTED = 126


def main(argv: Sequence[str]) -> int:
    """Run the program inside; its exit code, or 126 with a trouble left for the agent."""
    private = os.environ["ARMCHAIR_DIR"]
    try:
        start = prepare(private, argv)
    except Trouble as trouble:
        wire_trouble.leave(private, trouble)
        return NOT_STARTED
    if start.supervised:
        return supervise.run(start.argv, start.environment)
    sys.stdout.flush()
    runnable.restore_signals()
    try:
        os.execve(start.argv[0], list(start.argv), start.environment)
    except OSError as error:
        wire_trouble.leave(private, Trouble("no_runtime", "%s can't be run: %s." % (start.argv[0], error.strerror)))
    return NOT_STARTED


class _Chosen(NamedTuple):
    wish: Wish
    image: Image
    runtime: Runtime
    program: str


def prepare(private: str, argv: Sequence[str]) -> Start:
    """Everything up to the start itself. Raises Trouble."""
    try:
        wish = box.read(private)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise Trouble("not_executable", "The session's %s can't be read: %s." % (box.FILE, error))
    found = patience.inspect(wish.image, patience.to_log)
    image.check_machine(found, os.uname().machine)
    runtime, program = known.choose(found, wish.runtimes, wish.nv)
    patience.to_log("Container: %s (%s) by %s." % (found.path, found.kind, runtime.name))
    chosen = _Chosen(wish, found, runtime, program)
    return runtime.start(program, _box(chosen, private, tuple(argv)), dict(os.environ))


def _box(chosen: _Chosen, private: str, argv: Tuple[str, ...]) -> Box:
    wish, outside = chosen.wish, dict(os.environ)
    try:
        home = box.home(wish, private)
    except OSError as error:
        raise Trouble("disk_full", "No home directory can be made for the container: %s." % error.strerror)
    inside = environment.inside(outside, wish.environment, home, private)
    binds, root = box.binds(wish, private, outside), chosen.image.path
    if chosen.runtime.unpacked:
        root, binds = _unpack(chosen, private, binds, home)
        inside = environment.of_image(root, inside, outside, wish.environment)
    return Box(root, chosen.image.kind, binds, inside, _directory(binds, home), wish.nv, _command(private, argv))


def _unpack(chosen: _Chosen, private: str, binds: Tuple[Bind, ...], home: str) -> Tuple[str, Tuple[Bind, ...]]:
    """The image as a directory that has every bind's target, and the binds with the files that name the person's account."""
    stage = Stage(private)
    root = stage.show(chosen.image)
    try:
        machine = image.shell_machine(root)
    except (OSError, ValueError) as error:
        raise Trouble("image_corrupt", "The image %s can't be used. %s" % (chosen.image.path, error))
    image.check_machine(chosen.image._replace(machine=machine), os.uname().machine)
    binds = (*binds, *accounts.binds(root, private, home))
    system = tuple(Bind(path, path, True) for path in chosen.runtime.system if os.path.exists(path))
    root = stage.complete(root, system + binds)
    return root, binds if chosen.runtime.protects else stage.protect(binds)


def _directory(binds: Sequence[Bind], home: str) -> str:
    """The working directory inside: the present one where it is seen there, else home."""
    here = os.getcwd()
    for one in binds:
        if one.source == one.target and (here + "/").startswith(one.target.rstrip("/") + "/"):
            return here
    return home


def _command(private: str, argv: Tuple[str, ...]) -> Tuple[str, ...]:
    own = os.path.join(private, argv[0])
    return (*runnable.words(own), *argv[1:]) if "/" not in argv[0] and os.path.exists(own) else argv
