"""What travels to the node beside a program."""

import json
import os
import subprocess  # noqa: TID251 - runs the stub as a node would
import sys
from pathlib import Path

import pytest
import vermin

from armchair.catalogue.types import nodefiles
from armchair.wire.runspec import SpecFile

FILES = {file.name: file for file in nodefiles.files("screen")}
SOURCES = json.loads(FILES["node.json"].content)


def write(directory: Path, *files: SpecFile) -> None:
    for file in files:
        path = directory / file.name
        path.write_text(file.content)
        path.chmod(file.mode)


def test_it_holds_node_and_wire_and_nothing_else() -> None:
    assert {"armchair", "armchair.node", "armchair.wire.trouble"} <= set(SOURCES)
    assert all(name.split(".")[1:2] in ([], ["node"], ["wire"]) for name in SOURCES)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_module_reads_with_python_3_6(name: str) -> None:
    three = vermin.detect(SOURCES[name][1])[1]
    assert three in (None, 0, (0, 0)) or three <= (3, 6)


def test_the_stub_reads_with_python_3_6() -> None:
    assert vermin.detect(FILES["node.py"].content)[1] <= (3, 6)


def test_a_program_is_run_with_its_arguments(tmp_path: Path) -> None:
    program = "import sys\nfrom armchair.wire import trouble\ndef main(argv):\n    print(trouble.FILE, argv)\n    return 3\n"
    sources = {**SOURCES, "armchair.node.hello": [True, ""], "armchair.node.hello.main": [False, program]}
    write(tmp_path, FILES["node.py"], SpecFile("node.json", json.dumps(sources), 0o600))
    write(tmp_path, *(file for file in nodefiles.files("hello") if file.name == "hello"))
    environment = {"PATH": os.environ["PATH"], "ARMCHAIR_DIR": str(tmp_path), "ARMCHAIR_AGENT_PYTHON": sys.executable}
    ended = subprocess.run(
        [tmp_path / "hello", "a b", "c"], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, ended.stdout) == (3, "trouble ['a b', 'c']\n"), ended.stderr
