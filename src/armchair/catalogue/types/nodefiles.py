"""What runs beside a program on the node, as files of its RunSpec: the sources, a stub that loads them, and the commands."""

from armchair.sessions import sources
from armchair.wire.runspec import SpecFile

# `-I -S` keep settings and packages of the person's own away, and with them half of Python's start-up time
COMMAND = """#!/bin/sh
exec "${{ARMCHAIR_AGENT_PYTHON:-python3}}" -I -S -B "$ARMCHAIR_DIR/node.py" {name} "$@"
"""
STUB = f"""# Runs one of the programs whose sources are in node.json: `node.py PROGRAM ARGUMENTS...`. Python 3.6 or newer.
import importlib.machinery, json, os, sys
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "node.json"), encoding="utf-8") as file:
    sources = json.load(file)
{sources.FINDER}
sys.exit(importlib.import_module("armchair.node.%s.main" % sys.argv[1]).main(sys.argv[2:]))
"""


def files(*programs: str) -> tuple[SpecFile, ...]:
    """All that the programs ("screen") need on the node. Each becomes a command of that name in the run's directory."""
    commands = tuple(SpecFile(name, COMMAND.format(name=name), 0o700) for name in programs)
    return (*commands, SpecFile("node.py", STUB, 0o600), SpecFile("node.json", sources.packed("wire", "node"), 0o600))
