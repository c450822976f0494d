"""Graphical programs as jobs, with and without a container: seen and typed into by way of the gateway, gone without a trace.

The viewers are small clients of the displays' own protocols; they connect where a browser's client connects.
"""

import os
import pwd
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from armchair.client.models import Session
from armchair.testing.processes import eventually
from armchair.testing.viewers.rfb import Rfb
from armchair.testing.viewers.stream import through_gateway
from cluster.names import ALICE, CPU_NODES
from cluster.program import Program
from cluster.rig import Cluster
from images import build
from integration.portal.screen_viewer import Viewer

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(900)  # the first one builds images
HOME = Path("/home") / ALICE.name  # there is no such account yet when this is read
APP = """
title = "{name}"
description = "An xterm in an image."
type = "x11"
command = "xterm"
[display]
backend = "{case.backend}"
[container]
image = "{image}"
runtime = "{case.runtime}"
display = "{case.display}"
"""
# typed by its name, as few keys are needed then; the image has no Slurm
LOOK = """{ cat /proc/sys/kernel/hostname; id -un
if [ -e /usr/sbin/slurmd ]; then echo node; else echo image; fi; } >seen.half; mv seen.half seen
"""


class Boxed(NamedTuple):
    """An application in an image."""

    runtime: str
    display: str
    backend: str
    image: str

    @property
    def name(self) -> str:
        """As the catalogue knows it."""
        return f"boxed-{self.runtime}-{self.display}-{self.backend}"


BOXED = (
    Boxed("charliecloud", "outside", "xpra", "xterm.sif"),
    Boxed("bubblewrap", "outside", "vnc", "xterm.sqfs"),
    Boxed("charliecloud", "inside", "vnc", "displays.sqfs"),
    Boxed("bubblewrap", "inside", "xpra", "displays.sqfs"),
)


@pytest.fixture(scope="module")
def images(program: Program) -> Iterator[Path]:
    """Where login node and compute nodes see the same images."""
    place = program.place / "images"
    place.mkdir()
    for name in sorted({case.image for case in BOXED}):
        stem, kind = name.split(".")
        made = build.sif(stem) if kind == "sif" else build.squashfs(stem)
        try:
            os.link(made, place / name)
        except OSError:  # another disk
            shutil.copy(made, place / name)
    whole = (place / "xterm.sqfs").read_bytes()
    (program.place / "half.sqfs").write_bytes(whole[: len(whole) // 2])
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def portal(slurm: Cluster, program: Program, images: Path) -> Iterator[SlurmPortal]:
    """Alice's, for all these tests, with each kind of application in an image."""
    apps = [program.place / "apps" / case.name for case in BOXED]
    for app, case in zip(apps, BOXED, strict=True):
        app.mkdir()
        (app / "app.toml").write_text(APP.format(name=case.name, case=case, image=images / case.image))
    with portal_of(slurm, program) as made:
        yield made
    for app in apps:
        shutil.rmtree(app)


@pytest.fixture(autouse=True)
def look(slurm: Cluster) -> Iterator[None]:
    """A script in Alice's home that writes down where it runs."""
    assert slurm
    found = pwd.getpwnam(ALICE.name)
    script = HOME / "look"
    script.write_text(LOOK)
    os.chown(script, found.pw_uid, found.pw_gid)
    (HOME / "seen").unlink(missing_ok=True)
    yield
    for name in ("look", "seen", "seen.half"):
        (HOME / name).unlink(missing_ok=True)


# --- a session on its node ---


def node_of(slurm: Cluster, portal: SlurmPortal, session: Session) -> str:
    return slurm.job(portal.job(session.id))["NodeList"]


def lying_about(slurm: Cluster, node: str) -> set[str]:
    """What sessions leave on a node if they leave something: files in its /tmp and /dev/shm, X11's sockets, mounts."""
    listing = (
        "for each in /tmp /tmp/.X11-unix /dev/shm; do ls -A $each 2>/dev/null; done; grep -E 'fuse|armchair-[^c]' /proc/mounts"
    )
    return set(slurm.exec_on(node, ["sh", "-c", listing], check=False).stdout.splitlines()) - {".X11-unix"}


def processes(session: Session) -> dict[int, str]:
    """The session's processes with their names, on whichever node."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"ARMCHAIR_SESSION={session.id}".encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "comm").read_text().strip()
    return found


def told(type_it: Callable[[], None]) -> list[str]:
    """What the script says, when it has been started by typing. A window may take keys only a moment after it is drawn."""

    def look() -> list[str]:
        type_it()
        return (HOME / "seen").read_text().split() if (HOME / "seen").exists() else []

    return eventually(look, "what was typed is done", 60)


def ends_without_a_trace(slurm: Cluster, session: Session, node: str, before: set[str]) -> None:
    eventually(lambda: not processes(session), "its processes have ended", 30)
    with suppress(AssertionError):  # what is left says more
        eventually(lambda: lying_about(slurm, node) <= before, "nothing is left of it", 30)
    assert lying_about(slurm, node) - before == set()


# --- in images ---


@pytest.mark.parametrize("case", BOXED, ids=lambda case: case.name)
def test_a_program_in_an_image_on_a_compute_node(slurm: Cluster, portal: SlurmPortal, case: Boxed) -> None:
    before = {node: lying_about(slurm, node) for node in CPU_NODES}
    session = portal.launch(case.name, seconds=120)
    node = node_of(slurm, portal, session)
    viewer = Viewer(portal.client, session, case.backend)
    empty = viewer.picture

    def type_it() -> None:
        viewer.type("sh look\n")
        viewer.settle()

    assert told(type_it) == [node, ALICE.name, "image"]
    viewer.settle()
    assert viewer.picture != empty
    assert f"{case.image} ({'sif' if case.image.endswith('sif') else 'squashfs'}) by {case.runtime}." in portal.client.log(
        session.id
    )
    running = processes(session).values()
    servers = {"xpra": "Xvfb", "vnc": "Xvnc"}
    assert any(name.startswith("squashfuse") for name in running), running
    assert servers[case.backend] in running
    assert any(name.startswith("X") for name in lying_about(slurm, node) - before[node]), "its display's socket"

    portal.client.stop(session.id)
    assert portal.outcome(session.id)[0] == "cancelled"
    viewer.close()
    ends_without_a_trace(slurm, session, node, before[node])


def hide_image(slurm: Cluster, images: Path, node: str) -> None:
    slurm.hide_directory(node, images)


def cut_image(slurm: Cluster, images: Path, node: str) -> None:
    slurm.replace_file(node, images / "xterm.sqfs", images.parent / "half.sqfs")


def hide_runtime(slurm: Cluster, _images: Path, node: str) -> None:
    slurm.hide_program(node, "bwrap")


@pytest.mark.parametrize(
    ("fault", "words", "logged"),
    [
        (hide_image, "does not see the container image", "There is no image"),
        (cut_image, "damaged, not copied to its end", "xterm.sqfs can't be used"),
        (hide_runtime, "has no container runtime that runs this image", "bubblewrap is not installed"),
    ],
)
def test_what_only_the_node_lacks_is_told_in_words(
    slurm: Cluster, portal: SlurmPortal, images: Path, fault, words: str, logged: str
) -> None:
    for node in CPU_NODES:
        fault(slurm, images, node)
    before = {node: lying_about(slurm, node) for node in CPU_NODES}
    session = portal.client.launch("boxed-bubblewrap-outside-vnc")
    kind, ended = portal.outcome(session.id)
    assert (kind, words in ended.outcome) == ("failed", True), ended.outcome
    assert logged in portal.client.log(session.id)
    for node in CPU_NODES:
        ends_without_a_trace(slurm, ended, node, before[node])


# --- with what the node has ---


def test_a_desktop_on_a_compute_node(slurm: Cluster, portal: SlurmPortal) -> None:
    before = {node: lying_about(slurm, node) for node in CPU_NODES}
    session = portal.launch("desktop", seconds=120, answers={"desktop": "openbox"})
    node = node_of(slurm, portal, session)
    stream = through_gateway(portal.client.entry(session.id), "/-/display")
    rfb = Rfb(stream)
    rfb.until_drawn(4)

    def type_it() -> None:
        # a new window has the keys; a click beside it would open a menu, which takes them
        rfb.type("sh look\n")
        rfb.settle(0.3)

    assert told(type_it) == [node, ALICE.name, "node"]
    portal.client.stop(session.id)
    assert portal.outcome(session.id)[0] == "cancelled"
    rfb.close()
    ends_without_a_trace(slurm, session, node, before[node])


def test_what_a_killed_session_leaves_goes_with_the_next_one(slurm: Cluster, portal: SlurmPortal) -> None:
    """Slurm ends for good what does not end in time: all of it at once, and nobody is left who could tidy up."""
    node, *others = CPU_NODES
    slurm.drain(*others)
    before = lying_about(slurm, node)
    session = portal.launch("vnc-window", seconds=120)
    listed = slurm.exec_on(node, ["scontrol", "listpids", portal.job(session.id)]).stdout.splitlines()
    pids = {int(line.split()[0]) for line in listed[1:]} - {-1}
    assert pids >= processes(session).keys()
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)
    portal.reach(session.id, "ended", 60)
    eventually(lambda: not processes(session), "its processes have ended", 30)
    left = lying_about(slurm, node) - before
    assert {name.partition("-")[0].rstrip("0123456789") for name in left} == {"armchair", "X", ".X"}
    # an X server that is just starting looks as dead as these do, but for its age
    slurm.exec_on(node, ["sh", "-c", "touch -d '1 hour ago' /tmp/.X*-lock /tmp/.X11-unix/*"])

    portal.launch("vnc-window", seconds=120)
    eventually(lambda: not left & lying_about(slurm, node), "the next session takes it away", 30)
