"""The agent's life: bind, enrol, start, let in, report, end."""

import os
import resource
import shutil
import signal
import socket
import ssl
import sys
import threading
import time
from typing import Any, Callable, List, Optional

from armchair.agent import kernel, stop, usage
from armchair.agent.enrol import GivenUp, enrol
from armchair.agent.log import Log
from armchair.agent.probe import wait_until_ready
from armchair.agent.relay import Relay
from armchair.agent.report import Reporter, hear_commands
from armchair.agent.start import Application, CannotStart, Place, prepare, start
from armchair.agent.usage import Meter
from armchair.wire import config as wire_config
from armchair.wire.config import AgentConfig
from armchair.wire.messages import End
from armchair.wire.runspec import RunSpec

SIGNALS = [signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1]
TICK = 1.0


def main(line: str) -> int:
    """Run one application as the configuration in `line` says; the job's exit code."""
    config = wire_config.load(line)
    kernel.hide_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        listener = bind(config)
        # a stop that comes before there is anything to stop ends the job as any other process
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        enrolled = enrol(config, listener.getsockname()[1])
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    except GivenUp as end:
        print(end, file=sys.stderr, flush=True)
        return end.code
    kernel.adopt_orphans()
    return Life(config, enrolled.credential, enrolled.spec).run(listener, enrolled.context)


def bind(config: AgentConfig) -> socket.socket:
    """The agent's listening socket, kept from the first moment so that nobody else gets its port. Raises GivenUp."""
    family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
    first, last = config.ports or (0, 0)
    ports: List[int] = list(range(first, last + 1))
    offset = os.getpid() % len(ports)
    for port in ports[offset:] + ports[:offset]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.listen, port))
            listener.listen(512)
        except OSError:
            listener.close()
            continue
        return listener
    raise GivenUp(1, "No port of %s is free on %s. The job ends." % (config.ports, config.listen))


class Life:
    """One application from its start to its end."""

    def __init__(self, config: AgentConfig, credential: str, spec: RunSpec) -> None:
        self._config, self._credential, self._spec = config, credential, spec
        self._over = threading.Event()
        self._stop_asked = threading.Event()
        self._kill_asked = threading.Event()
        self._application: Optional[Application] = None
        self._status: Optional[int] = None

    def run(self, listener: socket.socket, context: ssl.SSLContext) -> int:
        """Start, serve, wait for the end and tell of it; the job's exit code."""
        place: Optional[Place] = None
        log = Log("")
        try:
            place = prepare(self._spec)
            log = Log(place.logs)
            self._application = application = start(self._spec, place, SIGNALS)
        except CannotStart as trouble:
            print(trouble, file=sys.stderr, flush=True)
            reporter = self._reporter(log)
            reporter.end(End(None, None, "", trouble.detail, str(trouble)))
            self._remove(place)
            return 1
        reader = log.follow(application.output)
        self._let_in(listener, context, application)
        reporter = self._reporter(log)
        self._in_thread(self._probe, reporter, application)
        self._in_thread(hear_commands, self._config, self._credential, lambda verb: self._obey(verb, reporter), self._gone)
        end = self._wait()
        self._over.set()
        stop.kill_all(self._reap)
        # whatever still holds the pipe has been killed: the last words are soon read
        reader.join(2.0)
        reporter.end(end)
        self._remove(place)
        return self._leave(end)

    def _reporter(self, log: Log) -> Reporter:
        reporter = Reporter(self._config, self._credential, log, Meter(os.getpid()), self._gone)
        reporter.start()
        return reporter

    def _let_in(self, listener: socket.socket, context: ssl.SSLContext, application: Application) -> None:
        self._in_thread(Relay(listener, context, application.socket, application.port).run)

    def _in_thread(self, function: Callable[..., object], *arguments: Any) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def _probe(self, reporter: Reporter, application: Application) -> None:
        if wait_until_ready(self._spec, application.socket, application.port, self._over):
            reporter.ready()

    def _obey(self, verb: str, reporter: Reporter) -> None:
        if verb == "report":
            reporter.now()
        if verb == "kill":
            self._kill_asked.set()
        if verb in ("stop", "kill"):
            os.kill(os.getpid(), signal.SIGTERM)

    def _gone(self) -> None:
        """The portal says that this run is over: there is nobody left to work for."""
        if not self._over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self) -> End:
        """Until the application ends by itself, is told to, or takes too much memory."""
        kill_at: Optional[float] = None
        while True:
            self._reap()
            if self._ended():
                return self._end("cancelled" if self._stop_asked.is_set() else "")
            received = signal.sigtimedwait(SIGNALS, TICK)
            if received is not None and received.si_signo != signal.SIGCHLD and kill_at is None:
                kill_at = time.monotonic() + self._spec.stop_grace
                self._stop_asked.set()
                stop.ask(self._pid, self._spec.stop_signal)
            if kill_at is not None and (self._kill_asked.is_set() or time.monotonic() >= kill_at):
                stop.kill_all(self._reap)
            if self._spec.memory is not None and self._too_much(self._spec.memory):
                stop.kill_all(self._reap)
                return self._end("out_of_memory")

    def _ended(self) -> bool:
        return self._status is not None

    @property
    def _pid(self) -> int:
        return self._application.pid if self._application is not None else 0

    def _too_much(self, limit: int) -> bool:
        return usage.memory(usage.descendants(os.getpid())) > limit

    def _end(self, kind: str) -> End:
        status = self._status or 0
        if os.WIFSIGNALED(status):
            return End(None, os.WTERMSIG(status), kind, "", "")
        return End(os.WEXITSTATUS(status), None, kind, "", "")

    def _reap(self) -> None:
        """Take in every child that has ended, the application among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._status = status

    def _remove(self, place: Optional[Place]) -> None:
        if place is not None:
            shutil.rmtree(place.private, ignore_errors=True)

    def _leave(self, end: End) -> int:
        """The application's own end becomes the job's: the launcher sees the same exit code or signal."""
        if end.signal is None:
            return end.exit_code or 0
        number = signal.Signals(end.signal)
        if number is not signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
        return 128 + end.signal
