"""`screen`: shows the program that screen.json names on the session's socket."""

import os
from typing import List

from armchair.node.screen import config
from armchair.node.screen.supervisor import Supervisor


def main(_argv: List[str]) -> int:
    """Run until the program ends; its exit code."""
    os.umask(0o077)
    directory = os.environ["ARMCHAIR_DIR"]
    return Supervisor(directory, os.environ["ARMCHAIR_SOCKET"], config.load(directory)).run()
