"""What is said to the runtimes that can't run here, and which of those that can is chosen."""

import os
import subprocess  # noqa: TID251  runs what a runtime would
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from armchair.node.container import box, environment, stage
from armchair.node.container.box import Bind, Box
from armchair.node.container.image import Image
from armchair.node.container.runtimes import known
from armchair.node.container.runtimes.apptainer import Apptainer
from armchair.node.container.runtimes.base import Runtime
from armchair.node.container.runtimes.bubblewrap import Bubblewrap
from armchair.node.container.runtimes.charliecloud import Charliecloud
from armchair.node.container.runtimes.podman import Podman
from armchair.node.container.runtimes.singularity import Singularity
from armchair.wire.trouble import Trouble

BINDS = (Bind("/tmp", "/tmp", True), Bind("/home/ann", "/home/ann", True), Bind("/data", "/mnt/data", False))
INSIDE = {"HOME": "/home/ann", "ARMCHAIR_FIELD_X": "a,b", "DISPLAY": ":1"}
OUTSIDE = {"HOME": "/home/ann", "PATH": "/usr/bin", "LD_PRELOAD": "x.so", "APPTAINERENV_FOO": "1", "SINGULARITYENV_FOO": "1"}


def a_box(kind: str = "sif", **changes: object) -> Box:
    usual = Box(f"/images/i.{kind}", kind, BINDS, INSIDE, "/home/ann", False, ("/tmp/a/run.sh", "x"))
    return usual._replace(**changes)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """path("bwrap", …): the only programs on this node."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(stage, "_DEVICE", "/dev/null")

    def install(*programs: str) -> None:
        for name in programs:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)

    return install


def chosen(kind: str, *names: str, nv: bool = False, namespaces: bool = True, offset: int = 65536) -> str:
    return known.choose(Image("/i", kind, "", offset), names, nv, lambda: namespaces)[0].name


def refusal(kind: str, *names: str, **how) -> tuple[str, str]:
    with pytest.raises(Trouble) as caught:
        chosen(kind, *names, **how)
    return caught.value.code, str(caught.value)


def test_the_first_that_is_there_and_runs_the_image_is_taken(path) -> None:
    path("apptainer", "podman", "ch-run", "bwrap", "squashfuse")
    assert chosen("sif") == "apptainer"
    assert chosen("sif", "bubblewrap", "apptainer") == "bubblewrap"
    assert chosen("oci-archive") == "podman"
    assert chosen("directory", "podman", "charliecloud") == "charliecloud"
    assert chosen("sif", "bubblewrap", "apptainer", namespaces=False) == "apptainer"
    assert chosen("squashfs", "bubblewrap", "apptainer", nv=True) == "apptainer"
    assert chosen("sif", "bubblewrap", "apptainer", offset=0) == "apptainer", "an encrypted one"


def test_why_none_is_taken_is_said_of_each(path) -> None:
    path("bwrap")
    code, message = refusal("squashfs", "apptainer", "podman", "bubblewrap")
    assert code == "no_runtime"
    assert "apptainer is not installed; podman is not installed; bubblewrap needs squashfuse for such images" in message
    assert refusal("directory", "bubblewrap", namespaces=False)[0] == "no_namespaces"
    assert "NVIDIA" in refusal("directory", "bubblewrap", nv=True)[1]
    assert refusal("directory", "unheard-of")[0] == "no_runtime"


def test_a_node_without_fuse_runs_no_single_file(path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path("bwrap", "squashfuse")
    monkeypatch.setattr(stage, "_DEVICE", str(tmp_path / "fuse"))
    assert "bubblewrap needs " in refusal("squashfs")[1]
    assert chosen("directory") == "bubblewrap"


def test_a_node_that_lets_nobody_mount_does_not_make_the_image_corrupt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(stage.kernel, "own_mounts", lambda: None)
    monkeypatch.setattr(stage.kernel, "mount", refuse)
    monkeypatch.setattr(stage, "_DEVICE", "/dev/null")
    with pytest.raises(Trouble) as caught:
        stage.Stage(str(tmp_path)).show(Image("/i.sqfs", "squashfs"))
    assert caught.value.code == "no_namespaces"


@pytest.mark.parametrize(("runtime", "prefix"), [(Apptainer(), "APPTAINER"), (Singularity(), "SINGULARITY")])
def test_apptainer_gets_the_environment_by_its_own_variables(runtime: Apptainer, prefix: str) -> None:
    start = runtime.start("/bin/prog", a_box(), OUTSIDE)
    assert start.argv[:10] == (
        *("/bin/prog", "--quiet", "exec", "--cleanenv", "--no-mount", "tmp,cwd", "--home", "/home/ann", "--pwd", "/home/ann"),
    )
    assert start.argv[10:15] == ("--bind", "/tmp:/tmp", "--bind", "/data:/mnt/data:ro", "/images/i.sif")
    assert start.environment[f"{prefix}ENV_ARMCHAIR_FIELD_X"] == "a,b"
    assert start.environment[f"{prefix}_NO_EVAL"] == "1"
    assert f"{prefix}ENV_HOME" not in start.environment, "it refuses that, and has --home"
    others = {"APPTAINERENV_FOO", "SINGULARITYENV_FOO"}
    assert not others & set(start.environment), "what the job's environment had for other containers of either name"
    assert "--nv" in runtime.start("/bin/prog", a_box(nv=True), OUTSIDE).argv
    assert not start.supervised


def test_apptainers_first_program_is_a_shell_that_does_nothing_at_signals() -> None:
    argv = Apptainer().start("/bin/prog", a_box(), OUTSIDE).argv
    script = 'trap : TERM INT HUP QUIT USR1 USR2; "$@"; exit $?'
    assert argv[15:] == ("/bin/sh", "-c", script, "sh", "/tmp/a/run.sh", "x")


def test_apptainer_shows_home_elsewhere_or_another_directory_as_home_when_asked() -> None:
    binds = (
        Bind("/home/ann", "/home/ann", True),
        Bind("/home/ann", "/work", False),
        Bind("/scratch/ann", "/home/ann", True),
        Bind("/a, b", "/c", True),
    )
    argv = Apptainer().start("/bin/prog", a_box(binds=binds), OUTSIDE).argv
    words = [word for option, word in pairwise(argv) if option == "--bind"]
    assert words == ["/home/ann:/work:ro", "/scratch/ann:/home/ann", "/a\\, b:/c"]


def test_podman_takes_values_from_its_own_environment() -> None:
    start = Podman().start("/bin/podman", a_box("oci-archive", nv=True), OUTSIDE)
    assert start.argv[-3:] == ("oci-archive:/images/i.oci-archive", "/tmp/a/run.sh", "x")
    assert ("--env", "ARMCHAIR_FIELD_X") in zip(start.argv, start.argv[1:], strict=False)
    assert "a,b" not in " ".join(start.argv)
    assert start.environment["ARMCHAIR_FIELD_X"] == "a,b"
    assert {"--userns=keep-id", "--network=host", "--pid=host", "nvidia.com/gpu=all", "/data:/mnt/data:ro"} <= set(start.argv)


def test_what_would_lead_podman_astray_is_said_to_the_program_alone() -> None:
    values = {"XDG_RUNTIME_DIR": "/tmp/armchair-x/x", "PATH": "/opt/app/bin", "LD_PRELOAD": "/opt/app/a.so"}
    outside = {"HOME": "/h", "PATH": "/usr/bin", "XDG_RUNTIME_DIR": "/tmp/armchair-x/x"}
    start = Podman().start("/bin/podman", a_box("oci-archive", environment={**INSIDE, **values}), outside)
    said = {word for option, word in pairwise(start.argv) if option == "--env"}
    assert said == {"HOME=/home/ann", "ARMCHAIR_FIELD_X", "DISPLAY", *(f"{name}={text}" for name, text in values.items())}
    assert start.environment == {"HOME": "/h", "PATH": "/usr/bin", "ARMCHAIR_FIELD_X": "a,b", "DISPLAY": ":1"}
    # a web application's job has its own, which podman knows
    own = Podman().start("/bin/podman", a_box("oci-archive"), {**outside, "XDG_RUNTIME_DIR": "/run/user/1"}).environment
    assert own["XDG_RUNTIME_DIR"] == "/run/user/1"


def test_binds_that_others_show_already_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/var/empty-home")
    (tmp_path / "deep").mkdir()
    rows = (
        (str(tmp_path), "", "rw", "must"),
        (f"{tmp_path}/deep", "", "rw", "must"),
        (f"{tmp_path}/deep", "/other", "ro", "must"),
        ("/none", "", "rw", "may"),
    )
    wish = box.Wish("/i", (), rows, False, False, ())
    assert box.binds(wish, "/tmp/armchair-x", {}) == (
        Bind("/tmp", "/tmp", True),
        *(() if str(tmp_path).startswith("/tmp/") else (Bind(str(tmp_path), str(tmp_path), True),)),
        Bind(f"{tmp_path}/deep", "/other", False),
    )


def test_an_images_path_is_the_same_whatever_the_nodes_language(tmp_path: Path) -> None:
    (tmp_path / "Bücher.sif").touch()
    program = (
        'import os, sys; from armchair.node.container import box; print(os.path.exists(box.expand("$WHERE/B\\xfccher.sif")))'
    )
    english = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": os.pathsep.join(sys.path), "WHERE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=english, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_an_image_made_by_apptainer_brings_its_environment(tmp_path: Path) -> None:
    assert environment.handed_on(str(tmp_path), ["prog"], {"A": "b"}) == (["prog"], {"A": "b"})
    (tmp_path / ".singularity.d/env").mkdir(parents=True)
    assert environment.handed_on(str(tmp_path), ["prog", "x"], {})[0][-2:] == ["prog", "x"]
    (tmp_path / "ch").mkdir()
    (tmp_path / "ch/environment").write_text("PATH=/opt/app/bin:/bin\nnonsense\nA B=c\n")
    assert environment.of_image(str(tmp_path), {"HOME": "/h"}, {}, ()) == {"PATH": "/opt/app/bin:/bin", "HOME": "/h"}


@pytest.mark.parametrize("runtime", [Bubblewrap(), Charliecloud()])
def test_an_image_loads_nothing_into_the_runtime(runtime: Runtime) -> None:
    values = {"LD_PRELOAD": "/images/i/evil.so", "LD_LIBRARY_PATH": "a b'\"$x`id`", "LD_x; id": "y"}
    start = runtime.start("/usr/bin/runtime", a_box("directory", environment={**INSIDE, **values}, command=("env", "-0")), {})
    assert not any(name.startswith("LD_") for name in start.environment)
    assert "evil" not in " ".join(start.argv)
    # what the runtime starts inside
    inside = start.argv[start.argv.index("--") + 1 :]
    done = subprocess.run(
        inside, env={**start.environment, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.rstrip("\0").split("\0"))
    assert (found["LD_PRELOAD"], found["LD_LIBRARY_PATH"]) == (values["LD_PRELOAD"], values["LD_LIBRARY_PATH"])
    assert found["ARMCHAIR_FIELD_X"] == "a,b"
    assert not any("LATER" in name for name in found)
