"""The job script: nothing gets into its text, its secret stands in one place, and any Python from 3.6 on can read it."""

import base64
import json
import shlex
import subprocess  # noqa: TID251 - the script is run as a launcher would
import sys
import zlib
from pathlib import Path

import pytest
import vermin
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.secret import Secret
from armchair.sessions.agentscript import LOADER, AgentScripts, bundle
from armchair.wire import config
from armchair.wire.messages import EXIT_NO_ROOM

SECRET = "a-planted-secret"


def scripts(
    url: str = "https://127.0.0.1:1", ca: str = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
) -> AgentScripts:
    return AgentScripts(agents_url=lambda: url, agents_ca=ca)


def here_document(script: str) -> list[str]:
    head, _, rest = script.partition("<<'ARMCHAIR'\n")
    assert head
    body, mark, after = rest.partition("\nARMCHAIR\n")
    assert mark
    assert after.startswith("done\n")
    return body.split("\n")


@given(st.text(max_size=200))
def test_no_text_breaks_out_of_the_here_document(text: str) -> None:
    lines = here_document(scripts(ca=text).render(Secret(text), "local").script.reveal())
    assert len(lines) == 2
    assert config.load(lines[0]).token == text
    assert config.load(lines[0]).portal_ca == text


def test_the_token_stands_once_and_is_not_shown() -> None:
    job = scripts().render(Secret(SECRET), "local")
    text = job.script.reveal()
    assert text.count(SECRET) == 1
    assert text.index(SECRET) > text.index("<<'ARMCHAIR'")
    assert SECRET not in job.shown + repr(job)
    assert bundle() not in job.shown
    assert "<enrolment token>" in job.shown


def test_the_shell_reads_the_loader_as_one_argument() -> None:
    text = scripts().render(Secret(SECRET), "local").shown
    command = next(part for part in text.split("    exec ")[1:])
    words = shlex.split(command.partition("\n  } <<'ARMCHAIR'")[0])
    assert words[0] == "$python"
    assert words[-1] == LOADER
    assert "'" not in LOADER


def sources() -> dict[str, tuple[bool, str]]:
    return dict(json.loads(zlib.decompress(base64.b64decode(bundle()))))


def test_the_bundle_holds_agent_and_wire_and_nothing_else() -> None:
    names = set(sources())
    assert {"armchair", "armchair.agent", "armchair.agent.main", "armchair.wire.messages"} <= names
    assert all(name.split(".")[1:2] in ([], ["agent"], ["wire"]) for name in names)
    assert sources()["armchair"] == [True, ""]


def test_an_examination_also_brings_what_knows_the_needs_of_programs() -> None:
    text = scripts().examination(Secret(SECRET), "local").reveal()
    packed = json.loads(zlib.decompress(base64.b64decode(here_document(text)[1])))
    assert {"armchair.agent.examine", "armchair.node.survey", "armchair.node.container.runtimes.known"} <= set(packed)
    assert "armchair.agent.examine" not in sources()
    assert "sys.exit(main(line, survey))" in text


@pytest.mark.parametrize("name", sorted(sources()))
def test_every_module_reads_with_python_3_6(name: str) -> None:
    _two, three = vermin.detect(sources()[name][1])
    assert three in (None, 0, (0, 0)) or three <= (3, 6)


def test_the_loader_reads_with_python_3_6() -> None:
    assert vermin.detect(LOADER)[1] <= (3, 6)


def test_the_check_of_versions_can_fail() -> None:
    assert vermin.detect("import asyncio\nif (x := 1): asyncio.run(None)")[1] > (3, 6)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("Python 3.6.8", True),
        ("Python 3.9.18 :: Anaconda, Inc.", True),
        ("Python 3.10.0rc1", True),
        ("Python 3.14.0", True),
        ("Python 3.5.10", False),
        ("Python 3.1.2", False),
        ("Python 2.7.18", False),
        ("", False),
    ],
)
def test_a_python_is_known_by_what_it_says_of_itself(tmp_path: Path, said: str, taken: bool) -> None:
    fake = tmp_path / "python3"
    fake.write_text(f"#!/bin/sh\n[ \"$1\" = -V ] && {{ echo '{said}'; exit; }}\ncat >/dev/null\necho taken\n")
    fake.chmod(0o755)
    script = scripts().render(Secret("t"), "local").script.reveal()
    # no other Python of this machine
    script = script.replace("/usr/bin/python3", "/nowhere/python3").replace("/usr/libexec/platform-python", "/nowhere/p")
    (tmp_path / "cat").symlink_to("/bin/cat")
    done = subprocess.run(["/bin/sh"], input=script, text=True, capture_output=True, check=False, env={"PATH": str(tmp_path)})
    assert (done.stdout == "taken\n") is taken
    assert ("no Python 3.6 or newer" in done.stderr) is not taken


SAYS = """
import os, sys
given = [one for one in range(100) if os.path.exists("/proc/self/fd/%d" % one)]
print(len(sys.stdin.readlines()), os.environ.get("TMPDIR", "none"), *given)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A directory with a Python that says what it was given: how much, and which TMPDIR and descriptors."""
    fake = tmp_path / "python3"
    fake.write_text(
        f"#!/bin/sh\n[ \"$1\" = -V ] && {{ echo 'Python 3.6.8'; exit; }}\nexec {sys.executable} -I -S -c '{SAYS}'\n"
    )
    fake.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("shell", [("/bin/dash",), ("/bin/bash", "--posix")])
@pytest.mark.parametrize(("given", "seen"), [({}, "none"), ({"TMPDIR": "/var/tmp"}, "/var/tmp")])
def test_the_agent_is_handed_over_whole_and_nothing_else_with_it(
    python: Path, shell: tuple[str, ...], given: dict[str, str], seen: str
) -> None:
    file = python / "job"
    file.write_text(scripts().render(Secret("t"), "local").script.reveal())
    # an elder bash, which keeps here-documents in files
    environment = {"PATH": str(python), "BASH_COMPAT": "50", **given}
    done = subprocess.run([*shell, str(file)], capture_output=True, text=True, check=False, env=environment)
    lines, where, *descriptors = done.stdout.split()
    assert (lines, where, done.stderr) == ("2", seen, "")
    assert descriptors == ["0", "1", "2"]


def test_a_node_without_room_for_the_agent_is_told_by_its_own_code(python: Path) -> None:
    file = python / "job"
    file.write_text(scripts().render(Secret("t"), "local").script.reveal())
    done = subprocess.run(
        ["/bin/sh", "-c", f"trap '' XFSZ; ulimit -f 0; exec /bin/bash --posix {file}"],
        capture_output=True, text=True, check=False, env={"PATH": str(python), "BASH_COMPAT": "50"},
    )  # fmt: skip
    assert done.returncode == EXIT_NO_ROOM
    assert "no room" in done.stderr
