"""The screen of an application: what it is when nothing is said, and what can't be in one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from armchair.catalogue import definition
from armchair.catalogue.types import common, x11
from armchair.domain.application import Backend, FileExchange, Plan, Screen
from armchair.domain.session import Resources
from armchair.node.screen import config
from armchair.sessions.ports import SpecContext

Make = Callable[..., Path]
BASE = 'title = "Demo"\ndescription = "For tests."\n'


def made(make: Make, kind: str, extra: str = "") -> definition.Definition:
    found, problems = definition.read(make(toml=f'{BASE}type = "{kind}"\n{extra}'))
    assert problems == []
    assert found is not None
    return found


def sole_problem(make: Make, kind: str, extra: str) -> str:
    found, problems = definition.read(make(toml=f'{BASE}type = "{kind}"\n{extra}'))
    assert found is None
    [problem] = problems
    return f"{problem.key}: {problem.message}"


def test_what_holds_when_nothing_is_said(make: Make) -> None:
    assert made(make, "web").application.screen is None
    assert made(make, "x11").application.screen == Screen(backend=Backend.XPRA, size=(3840, 2160))
    assert made(make, "desktop").application.screen == Screen(backend=Backend.VNC, size=(1280, 800))
    assert made(make, "x11").application.readiness.path == "/-/ready"


def test_each_backend_brings_what_it_needs(make: Make) -> None:
    assert "Xvfb" in made(make, "x11").requirements.commands
    assert "Xvnc" in made(make, "desktop").requirements.commands
    assert "Xvnc" in made(make, "x11", '[display]\nbackend = "vnc"\n').requirements.commands
    assert made(make, "web").requirements.commands == ()


def test_what_is_said_holds(make: Make) -> None:
    text = '[display]\nbackend = "xpra"\nfiles = "upload"\nfolder = "~/in"\nsound = true\nsize = "5120x2880"\n'
    assert made(make, "x11", text).application.screen == Screen(
        backend=Backend.XPRA, files=FileExchange.UPLOAD, folder="~/in", sound=True, size=(5120, 2880)
    )


@pytest.mark.parametrize(
    ("kind", "extra", "said"),
    [
        ("x11", '[display]\nbackend = "rdp"\n', "display.backend: Must be 'xpra' or 'vnc'."),
        ("x11", '[display]\nfiles = "yes"\n', "display.files: Must be 'both', 'upload', 'download' or 'none'."),
        ("x11", '[display]\nsound = "on"\n', "display.sound: It must be true or false, without quotes."),
        ("x11", '[display]\nsize = "big"\n', "display.size: It must be width and height in pixels"),
        ("x11", '[display]\nsize = "9999x9999"\n', "display.size: It must be width and height in pixels"),
        ("x11", '[display]\nfolder = "in"\n', "display.folder: 'in' does not have the form"),
        ("x11", '[display]\nbackends = "vnc"\n', "display.backends: There is no such key. Did you mean backend?"),
        ("web", '[display]\nfiles = "none"\n', "display: Only x11 and desktop applications have a display."),
        ("desktop", "[display]\nsound = true\n", 'display.sound: Sound comes with backend = "xpra" only.'),
        ("desktop", '[connection]\ntransport = "unix"\n', "connection: An x11 or desktop application has no connection"),
    ],
)
def test_what_can_t_be_is_said(make: Make, kind: str, extra: str, said: str) -> None:
    assert sole_problem(make, kind, extra).startswith(said)


def test_the_node_understands_what_it_is_told(make: Make, tmp_path: Path) -> None:
    extra = '[display]\nfiles = "none"\nsize = "1920x1080"\n[stop]\nsignal = "INT"\ngrace = "30s"\nwarning_signal = "USR1"\n'
    application = made(make, "x11", extra).application
    resources = Resources(cores=1, memory=None, walltime=None)
    plan = Plan(app="demo", size="", title="", resources=resources, answers={}, environment={})
    context = SpecContext(session="a", number=1, attempt=1, user="u", url="http://x", state_directory="~/s")
    spec = x11.spec(application, plan, context, "#!/bin/sh\n", common.Tools(kit="", python=""))
    [told] = [file for file in spec.files if file.name == "screen.json"]
    (tmp_path / told.name).write_text(told.content)
    heard = config.load(str(tmp_path))
    assert heard == config.Config(
        display="xpra",
        program=("run.sh",),
        files="none",
        size=(1920, 1080),
        grace=30.0,
        stop_signal="INT",
        warning_signal="USR1",
    )
    assert set(json.loads(told.content)) == set(config.Config._fields)
