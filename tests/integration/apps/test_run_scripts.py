"""The shipped run scripts of graphical programs, with programs of the tests in place of the real ones."""

import subprocess  # noqa: TID251 - runs the scripts
from pathlib import Path

import pytest

from armchair.catalogue import definition
from armchair.catalogue.types import common

APPS = Path(str(definition.__file__)).parent / "apps"
TELL = '#!/bin/sh\nprintf "%s\\n" "$@"\n'
# a name that would do harm if a shell read it once more
ODD = 'it\'s $(touch harm) ;"x".tif'


class Stage:
    """A home, and programs that print what they are given."""

    def __init__(self, directory: Path) -> None:
        self.home, self.bin, self.private = directory / "home", directory / "bin", directory / "private"
        for place in (self.home, self.bin, self.private):
            place.mkdir()
        (self.private / common.ANSWERS).write_text(common.scripts("")[0].content)
        for name in ("java", "paraview", "qgis", "octave", "rkward", "firefox-esr"):
            self.program(self.bin / name)

    def program(self, path: Path) -> None:
        """A program that prints its arguments, one a line."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(TELL)
        path.chmod(0o755)

    def run(self, app: str, memory: str = "4096", **variables: str) -> subprocess.CompletedProcess[str]:
        """The script of this application, as a session's."""
        environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.home), "ARMCHAIR_DIR": str(self.private),
            "ARMCHAIR_MEMORY_MB": memory, "ARMCHAIR_CORES": "3", **variables,
        }  # fmt: skip
        script = str(APPS / app / "run.sh")
        return subprocess.run(["/bin/sh", script], env=environment, cwd=self.home, capture_output=True, text=True, check=False)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize("app", ["imagej", "igv"])
@pytest.mark.parametrize(("memory", "heap"), [("4096", ["-Xmx3086m"]), ("512", ["-Xmx512m"]), ("", [])])
def test_java_gets_what_the_session_has(stage: Stage, app: str, memory: str, heap: list[str]) -> None:
    given = stage.run(app, memory).stdout.splitlines()
    assert [word for word in given if word.startswith("-Xmx")] == heap
    assert "-XX:ActiveProcessorCount=3" in given
    assert f"-Duser.home={stage.home}" in given


@pytest.mark.parametrize("app", ["imagej", "igv", "paraview", "qgis", "rkward", "fiji"])
def test_a_file_is_given_as_it_is_named(stage: Stage, app: str) -> None:
    stage.program(stage.home / "fiji" / "fiji-linux-x64")
    (stage.home / ODD).touch()
    done = stage.run(app, ARMCHAIR_FIELD_FILE=f"~/{ODD}", FIJI=str(stage.home / "fiji"))
    assert done.stdout.splitlines()[-1].removeprefix("--data=") == f"{stage.home}/{ODD}"
    assert not (stage.home / "harm").exists()


@pytest.mark.parametrize("app", ["imagej", "igv", "paraview", "qgis", "rkward", "fiji"])
def test_a_file_that_is_not_there_is_said(stage: Stage, app: str) -> None:
    done = stage.run(app, ARMCHAIR_FIELD_FILE="~/none.tif", FIJI="/nowhere")
    assert (done.returncode, done.stderr) == (2, f"There is no file {stage.home}/none.tif.\n")


@pytest.mark.parametrize("app", ["octave", "terminal", "web-command", "container-program", "jupyterlab"])
def test_a_folder_that_is_not_there_is_said(stage: Stage, app: str) -> None:
    done = stage.run(app, ARMCHAIR_FIELD_FOLDER="~/none", ARMCHAIR_FIELD_DIRECTORY="~/none")
    assert done.returncode == 2
    assert f"There is no folder {stage.home}/none, or it may not be entered.\n" in done.stderr


@pytest.mark.parametrize(
    ("named", "meant"), [("", "."), ("~", "."), ("~/in", "in"), ("in", "in"), ("-odd $(x)", "-odd $(x)"), ("/", "/")]
)
def test_a_command_starts_in_the_folder_that_is_named(stage: Stage, named: str, meant: str) -> None:
    for made in ("in", "-odd $(x)"):
        (stage.home / made).mkdir()
    # what `cd` does with a relative path is not the shell's to choose
    done = stage.run("web-command", ARMCHAIR_FIELD_DIRECTORY=named, ARMCHAIR_FIELD_COMMAND="pwd", CDPATH="/usr")
    assert done.stdout == f"{(stage.home / meant).resolve()}\n"


@pytest.mark.parametrize("launcher", ["fiji-linux-x64", "ImageJ-linux64"])
def test_fiji_is_started_by_the_launcher_that_it_has(stage: Stage, launcher: str) -> None:
    stage.program(stage.home / "fiji" / launcher)
    assert stage.run("fiji", FIJI=str(stage.home / "fiji")).stdout == "--mem=3086m\n"
    assert stage.run("fiji", FIJI="/nowhere").returncode == 127


def test_igv_opens_no_port(stage: Stage) -> None:
    given = stage.run("igv").stdout.splitlines()
    settings = Path(given[given.index("--preferences") + 1])
    assert settings.read_text() == "PORT_ENABLED=false\n"


def test_settings_of_ones_own_stay(stage: Stage) -> None:
    (stage.home / ".config/octave").mkdir(parents=True)
    own = [stage.home / ".config/octave/octave-gui.ini", stage.home / ".config/rkwardrc"]
    for path in own:
        path.write_text("mine")
    stage.run("octave")
    stage.run("rkward")
    assert [path.read_text() for path in own] == ["mine", "mine"]


def test_firefox_keeps_its_profile_only_when_asked(stage: Stage) -> None:
    def profile(keep: str) -> str:
        given = stage.run("firefox", ARMCHAIR_FIELD_KEEP=keep).stdout.splitlines()
        return given[given.index("--profile") + 1]

    assert profile("false") == f"{stage.private}/firefox"
    assert profile("true") == f"{stage.home}/.local/share/armchair/firefox"
    assert "datareporting.policy.dataSubmissionEnabled" in (stage.private / "firefox/user.js").read_text()
