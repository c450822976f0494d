"""The terminal's server: what it hands to the shell."""

import asyncio
import importlib.util
import os
import signal
from importlib import resources

FILE = resources.files("armchair.catalogue") / "apps" / "terminal" / "server.py"


def test_the_shell_hears_of_broken_pipes() -> None:
    spec = importlib.util.spec_from_file_location("terminal_server", str(FILE))
    assert spec
    assert spec.loader
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)

    async def told() -> bytes:
        terminal = server.Pty(["/bin/sh", "-c", "grep SigIgn /proc/self/status"], dict(os.environ), 24, 80)
        said = b""
        while data := await terminal.read():
            said += data
        await terminal.close()
        return said

    ignored = int(asyncio.run(told()).split()[1], 16)
    assert ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0
