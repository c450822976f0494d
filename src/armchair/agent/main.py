"""The agent's beginning: bind, enrol, start the application.

Each part is loaded when there is something to wait for: what starts the application while the portal thinks, and the rest
while the application starts. A start that waited for all of it at once would take a tenth of a second more on a busy node.
"""

import os
import resource
import signal
import socket
from typing import TYPE_CHECKING, Callable, List

from armchair.agent import kernel, login
from armchair.agent.enrol import GivenUp, enrol
from armchair.agent.say import say
from armchair.wire import config as wire_config
from armchair.wire.config import AgentConfig
from armchair.wire.messages import EXIT_NO_INTERFACE, EXIT_NO_PORT
from armchair.wire.runspec import RunSpec

if TYPE_CHECKING:
    from armchair.agent.start import Begun

ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
SIGNALS = ENDINGS + [signal.SIGCHLD, signal.SIGUSR1]
STOPS = [one for one in SIGNALS if one is not signal.SIGUSR1]


def main(line: str) -> int:
    """Run one application as the configuration in `line` says; the job's exit code."""
    config = wire_config.load(line)
    kernel.hide_memory()
    login.complete(os.environ)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        listener = bind(config)
        # a stop that comes before there is anything to stop ends the job as any other process
        # (a warning of the end waits until there is something to warn)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        enrolled = enrol(config, listener.getsockname()[1], _starter)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    except GivenUp as end:
        say(end)
        return end.code
    kernel.adopt_orphans()
    begun = _starter()(enrolled.spec, SIGNALS)
    from armchair.agent.life import Life  # noqa: PLC0415 - as the first lines of this file say

    return Life(config, enrolled).run(listener, begun)


def _starter() -> "Callable[[RunSpec, List[signal.Signals]], Begun]":
    from armchair.agent.start import begin  # noqa: PLC0415 - as the first lines of this file say

    return begin


def bind(config: AgentConfig) -> socket.socket:
    """The agent's listening socket, kept from the first moment so that nobody else gets its port. Raises GivenUp."""
    host = config.listen
    if config.interface:
        from armchair.agent.interfaces import address_of, addresses  # noqa: PLC0415 - mostly not needed, and slow to load

        host = address_of(config.interface)
        if not host:
            known = ", ".join("%s %s" % pair for pair in addresses())
            message = "This node has no address on %s. It has: %s. The job ends."
            raise GivenUp(EXIT_NO_INTERFACE, message % (config.interface, known or "none"))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first, last = config.ports or (0, 0)
    ports: List[int] = list(range(first, last + 1))
    offset = os.getpid() % len(ports)
    trouble = ""
    for port in ports[offset:] + ports[:offset]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(512)
        except OSError as error:
            trouble = error.strerror or str(error)
            listener.close()
            continue
        return listener
    which = "No port from %d to %d" % (first, last) if config.ports else "No port"
    raise GivenUp(EXIT_NO_PORT, "%s can be had on %s of this node (%s). The job ends." % (which, host, trouble))
