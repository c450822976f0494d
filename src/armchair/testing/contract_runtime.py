"""The contract of container runtimes, as functions: each is given a runtime and an image, and starts real containers.

The image needs /bin/sh, coreutils and perl. A new runtime passes when all of CONTRACT hold for it.
"""

# assertions are what a contract suite is made of
# ruff: noqa: S101

import json
import os
import signal
import socket
import subprocess  # noqa: TID251 - starts containers as the agent would, and must be able to end them
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from armchair.catalogue.types import nodefiles
from armchair.testing.processes import eventually
from armchair.wire import trouble

SECRET = "planted-7b1f"  # noqa: S105 - is looked for where it must not be
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who starts the container. `home` is a directory of theirs."""

    uid: int
    gid: int
    name: str
    home: Path


@dataclass(slots=True, kw_only=True)
class RuntimeUnderTest:
    """One runtime with one image. `base`: an empty directory outside /tmp's usual places that the person may enter.

    `environment`: what the runtime itself needs of the job's.
    """

    runtime: str
    image: Path
    person: Person
    base: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    privates: list[Path] = field(default_factory=list)

    def private(self, **wish: object) -> Path:
        """A run's private directory with all that the program `container` needs there, for this wish."""
        path = Path(tempfile.mkdtemp(prefix="armchair-box-", dir="/tmp"))  # as the agent does: sockets need short paths
        os.chown(path, self.person.uid, self.person.gid)
        self.privates.append(path)
        for file in nodefiles.files("container"):
            self.write(path / file.name, file.content, file.mode)
        usual = {
            "image": str(self.image),
            "runtimes": [self.runtime],
            "binds": [],
            "home": True,
            "nv": False,
            "environment": [],
        }
        self.write(path / "container.json", json.dumps({**usual, **wish}), 0o600)
        return path

    def write(self, path: Path, text: str, mode: int) -> None:
        """A file of the person's."""
        path.write_text(text)
        path.chmod(mode)
        os.chown(path, self.person.uid, self.person.gid)

    def start(
        self, private: Path, argv: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """The container with this command, as the agent starts it: in a session of its own, without input."""
        person = self.person
        usual = {"HOME": str(person.home), "USER": person.name, "PATH": os.environ["PATH"], "ARMCHAIR_DIR": str(private)}
        process = subprocess.Popen(  # noqa: S603 - a test's own command
            [str(private / "container"), *argv],
            env={**usual, "ARMCHAIR_SOCKET": f"{private}/app.sock", **self.environment, **(environment or {})},
            cwd=person.home, user=person.uid, group=person.gid, extra_groups=[], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *argv: str, variables: Mapping[str, str] | None = None, private: Path | None = None, **wish: object) -> str:
        """What the command writes; it must end with 0."""
        process = self.start(private or self.private(**wish), argv, variables)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, (process.returncode, out, err)
        return out

    def left(self, private: Path) -> list[int]:
        """Processes that have this run in their environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"ARMCHAIR_DIR={private}\0".encode() in (path / "environ").read_bytes():
                    found.append(int(path.name))
        return found

    def clear(self) -> None:
        """End all that was started."""
        for private in self.privates:
            eventually(lambda private=private: not self._kill(private), "all of it has ended", PATIENCE)  # type: ignore[misc]
        for process in self.started:
            process.communicate(timeout=PATIENCE)

    def _kill(self, private: Path) -> list[int]:
        """What was found: a runtime may start something to tidy up when its program is killed."""
        found = self.left(private)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found


def the_exit_code_is_the_programs(case: RuntimeUnderTest) -> None:
    process = case.start(case.private(), ["sh", "-c", "exit 7"])
    assert process.communicate(timeout=PATIENCE) is not None
    assert process.returncode == 7


def arguments_arrive_as_they_are(case: RuntimeUnderTest) -> None:
    words = ["a b", "", "--", "-x", "$HOME", "'q\"", "*", "ü"]
    assert case.run("sh", "-c", 'printf "%s|" "$@"', "sh", *words) == "|".join(words) + "|"


def it_runs_as_the_person(case: RuntimeUnderTest) -> None:
    person = case.person
    said = case.run("sh", "-c", "id -u; id -g; id -un; echo ~; perl -e 'print +(getpwuid $<)[7]'").split("\n")
    assert said == [str(person.uid), str(person.gid), person.name, str(person.home), str(person.home)]


def the_root_is_the_images_and_stays_as_it_is(case: RuntimeUnderTest) -> None:
    said = case.run("sh", "-c", "for d in /usr /var/tmp; do touch $d/x 2>/dev/null && echo written; done; echo end")
    # in the image everybody may write to the second one
    assert said == "end\n"


def the_sessions_directory_is_the_same_inside(case: RuntimeUnderTest) -> None:
    private = case.private()
    case.write(private / "run.sh", '#!/bin/sh\necho "$0" "$1"\necho inside >"$ARMCHAIR_DIR/made"\n', 0o700)
    assert case.run("run.sh", "x", private=private) == f"{private}/run.sh x\n"
    made = private / "made"
    assert (made.read_text(), made.stat().st_uid) == ("inside\n", case.person.uid)


def home_is_seen_or_an_empty_one_in_its_place(case: RuntimeUnderTest) -> None:
    case.write(case.person.home / "notes", "mine", 0o600)
    look = 'pwd; cat "$HOME/notes"; ls -A "$HOME" | wc -l; echo >"$HOME/new" && echo written'
    seen = case.run("sh", "-c", look)
    assert seen.startswith(f"{case.person.home}\nmine")
    (case.person.home / "new").unlink()
    elsewhere = case.run("sh", "-c", f'{look}; ls "{case.person.home}/notes"; true', home=False)
    assert "mine" not in elsewhere
    assert elsewhere.split("\n")[1:] == ["0", "written", ""]
    assert not (case.person.home / "new").exists()


def what_is_bound_is_seen_and_read_only_stays_so(case: RuntimeUnderTest) -> None:
    for name in ("one", "two"):
        (case.base / name).mkdir()
        os.chown(case.base / name, case.person.uid, case.person.gid)
        case.write(case.base / name / "f", name, 0o644)
    binds = [
        [f"{case.base}/one", "/scratch/of the image/none", "rw", "must"],
        [f"{case.base}/two", "/mnt", "ro", "must"],
        [f"{case.base}/not there", "/opt", "rw", "may"],
    ]
    look = (
        "cat '/scratch/of the image/none/f' /mnt/f; touch '/scratch/of the image/none/g'; touch /mnt/g 2>/dev/null || echo no"
    )
    assert case.run("sh", "-c", look, binds=binds) == "onetwono\n"
    assert (case.base / "one" / "g").exists()


def a_bind_that_must_be_there_is_told_of(case: RuntimeUnderTest) -> None:
    private = case.private(binds=[["/nowhere/at/all", "", "rw", "must"]])
    assert case.start(private, ["true"]).wait(PATIENCE) != 0
    assert trouble.read(str(private))[0] == "bind_missing"


def of_the_environment_only_what_is_named_goes_inside(case: RuntimeUnderTest) -> None:
    odd = "a,b 'c' \"d\" $HOME `id` \\ \n%s é"
    outside = {
        "LD_LIBRARY_PATH": "/evil",
        "PYTHONPATH": "/evil",
        "LD_PRELOAD": "",
        "FOO": "no",
        "APPTAINERENV_FOO": "no",
        "SINGULARITYENV_FOO": "no",
        "WANTED": odd,
        "LC_ALL": "C.UTF-8",
    }
    outside |= {"ARMCHAIR_FIELD_X": odd, "DISPLAY": ":123", "XAUTHORITY": "/nowhere/x"}
    words = case.run("perl", "-e", 'print join("\\0", %ENV)', variables=outside).split("\0")
    inside = dict(zip(words[::2], words[1::2], strict=True))
    assert not {"LD_LIBRARY_PATH", "PYTHONPATH", "LD_PRELOAD", "FOO", "WANTED"} & set(inside)
    assert inside["ARMCHAIR_FIELD_X"] == odd
    assert (inside["DISPLAY"], inside["XAUTHORITY"], inside["SHELL"]) == (":123", "/nowhere/x", "/bin/sh")
    assert "/usr/bin" in inside["PATH"].split(":")


def named_variables_go_inside_and_into_no_argument(case: RuntimeUnderTest) -> None:
    private = case.private(environment=["WANTED"])
    loop = 'echo "$WANTED"; exec sleep 600'
    process = case.start(private, ["sh", "-c", loop], {"WANTED": SECRET})
    assert process.stdout is not None
    assert process.stdout.readline() == SECRET + "\n"
    for pid in [*case.left(private), process.pid]:
        assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def a_socket_made_inside_is_reached_from_outside(case: RuntimeUnderTest) -> None:
    private = case.private()
    serve = (
        'use Socket; socket(S,PF_UNIX,SOCK_STREAM,0); bind(S,sockaddr_un($ENV{"ARMCHAIR_SOCKET"})) or die $!; listen(S,1); '
        'accept(C,S); syswrite(C,"hello"); close(C);'
    )
    process = case.start(private, ["perl", "-e", serve])
    path = private / "app.sock"
    eventually(path.exists, "the socket", PATIENCE)

    def greeted() -> bytes:
        with socket.socket(socket.AF_UNIX) as client, suppress(ConnectionRefusedError):
            client.connect(str(path))
            return client.recv(99)
        return b""

    assert eventually(greeted, "the greeting", PATIENCE) == b"hello"
    assert process.wait(PATIENCE) == 0


def it_shares_the_nodes_network(case: RuntimeUnderTest) -> None:
    assert case.run("readlink", "/proc/self/ns/net").strip() == str(Path("/proc/self/ns/net").readlink())


TIDY = """
trap 'echo stopped; sleep 0.3; cat /etc/debian_version >/dev/null && echo tidy; exit 42' TERM
trap 'echo warned' USR1
echo ready
while :; do sleep 0.05; done
"""


def signals_of_its_group_reach_the_program_once_which_may_tidy_up(case: RuntimeUnderTest) -> None:
    private = case.private()
    process = case.start(private, ["sh", "-c", TIDY])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGUSR1)
    assert process.stdout.readline() == "warned\n"
    os.killpg(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (out, process.returncode) == ("stopped\ntidy\n", 42), (out, process.returncode)
    eventually(lambda: not case.left(private), "all of it has ended")


def signals_to_all_its_processes_reach_the_program_once_too(case: RuntimeUnderTest) -> None:
    private = case.private()
    process = case.start(private, ["sh", "-c", TIDY])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for pid in sorted({process.pid, *case.left(private)}):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (out, process.returncode) == ("stopped\ntidy\n", 42), (out, process.returncode)


def it_can_be_killed_and_leaves_no_mounts(case: RuntimeUnderTest) -> None:
    private = case.private(binds=[["/usr/share", "/shared/by/node", "ro", "must"]])
    process = case.start(private, ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    mounts = Path("/proc/self/mounts").read_text()
    assert str(private) not in mounts
    for pid in case.left(private):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    eventually(lambda: not case.left(private), "all of it has ended")
    for directory in ("image", "root"):
        path = private / directory
        assert not path.exists() or not any(path.iterdir())


CONTRACT = (
    the_exit_code_is_the_programs,
    arguments_arrive_as_they_are,
    it_runs_as_the_person,
    the_root_is_the_images_and_stays_as_it_is,
    the_sessions_directory_is_the_same_inside,
    home_is_seen_or_an_empty_one_in_its_place,
    what_is_bound_is_seen_and_read_only_stays_so,
    a_bind_that_must_be_there_is_told_of,
    of_the_environment_only_what_is_named_goes_inside,
    named_variables_go_inside_and_into_no_argument,
    a_socket_made_inside_is_reached_from_outside,
    it_shares_the_nodes_network,
    signals_of_its_group_reach_the_program_once_which_may_tidy_up,
    signals_to_all_its_processes_reach_the_program_once_too,
    it_can_be_killed_and_leaves_no_mounts,
)
