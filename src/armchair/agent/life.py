"""The life of one application on its node: let in, report, end."""

import json
import os
import shutil
import signal
import socket
import threading
import time
from typing import Any, Callable, Optional

from armchair.agent import leftovers, stop, usage
from armchair.agent.activity import Watch
from armchair.agent.dial import Dialler
from armchair.agent.enrol import Enrolled
from armchair.agent.log import Log
from armchair.agent.main import ENDINGS, SIGNALS
from armchair.agent.portal import Caller
from armchair.agent.probe import wait_until_ready
from armchair.agent.relay import Relay
from armchair.agent.report import Reporter, hear_commands
from armchair.agent.say import say
from armchair.agent.start import Application, Begun, Place, argv_of, environment_of
from armchair.agent.usage import Meter
from armchair.wire import trouble as wire_trouble
from armchair.wire.config import AgentConfig
from armchair.wire.messages import Command, End

TICK = 1.0
WARN_AGAIN = 300.0
ENDS = "ends.json"


class Life:
    """One application until its end."""

    def __init__(self, config: AgentConfig, enrolled: Enrolled) -> None:
        self._config, self._enrolled = config, enrolled
        self._credential, self._spec = enrolled.credential, enrolled.spec
        self._over = threading.Event()
        self._stop_asked = threading.Event()
        self._kill_asked = threading.Event()
        self._application: Optional[Application] = None
        self._reporting: Optional[Reporter] = None
        self._directory = ""
        self._ends_at: Optional[float] = None
        self._warned_at: Optional[float] = None
        self._status: Optional[int] = None

    def run(self, listener: socket.socket, begun: Begun) -> int:
        """Serve what was started, wait for its end and tell of it; the job's exit code."""
        place, application = begun.place, begun.application
        log = Log(place.logs if place is not None else "")
        if place is None or application is None:
            return self._not_started(begun, log)
        self._application = application
        reader = log.follow(application.output)
        relay = self._let_in(listener, application)
        self._directory = place.private
        self._reporting = reporter = self._reporter(log)
        self._in_thread(self._probe, reporter, application)
        caller = Caller(self._config.portal, self._enrolled.trust)
        self._in_thread(hear_commands, caller, self._credential, lambda one: self._obey(one, reporter), self._gone)
        self._in_thread(self._watch(relay, place, application, reporter).run, self._over)
        self._in_thread(leftovers.sweep, os.path.dirname(place.private))
        end = self._wait()
        self._over.set()
        stop.kill_all(self._reap)
        # whatever still holds the pipe has been killed: the last words are soon read
        reader.join(2.0)
        reporter.end(end)
        self._remove(place)
        return self._leave(end)

    def _not_started(self, begun: Begun, log: Log) -> int:
        detail = begun.trouble.detail if begun.trouble is not None else ""
        say(begun.trouble)
        self._reporter(log).end(End(None, None, "", detail, str(begun.trouble)))
        self._remove(begun.place)
        return 1

    def _reporter(self, log: Log) -> Reporter:
        reporter = Reporter(self._enrolled.caller, self._credential, log, Meter(os.getpid()), self._gone)
        reporter.start()
        return reporter

    def _let_in(self, listener: socket.socket, application: Application) -> Relay:
        relay = Relay(listener, self._enrolled.context, application.socket, application.port)
        self._in_thread(relay.run)
        if self._config.hub:
            self._in_thread(Dialler(self._config.hub, self._enrolled.hub, relay.adopt, self._over).run)
        return relay

    def _watch(self, relay: Relay, place: Place, application: Application, reporter: Reporter) -> Watch:
        asks = argv_of(self._spec.activity, self._spec, place) if self._spec.activity else []
        environment = environment_of(self._spec, place, application.socket, application.port)
        return Watch(lambda: relay.input, asks, environment, reporter.active)

    def _in_thread(self, function: Callable[..., object], *arguments: Any) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def _probe(self, reporter: Reporter, application: Application) -> None:
        if wait_until_ready(self._spec, application.socket, application.port, self._over):
            reporter.ready()

    def _obey(self, command: Command, reporter: Reporter) -> None:
        verb = command.verb
        if verb == "report":
            reporter.now()
        if verb == "warn":
            self._ends_at = command.ends_at
            os.kill(os.getpid(), signal.SIGUSR1)
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
            # when it was interrupted past its time, as by a suspension, Python hands out a number from nowhere
            received = signal.sigtimedwait(SIGNALS, TICK)
            number = received.si_signo if received is not None else 0
            if number == signal.SIGUSR1:
                self._warn()
            elif number in ENDINGS and kill_at is None:
                kill_at = time.monotonic() + self._spec.stop_grace
                self._stop_asked.set()
                stop.ask(self._pid, self._spec.stop_signal)
            if kill_at is not None and (self._kill_asked.is_set() or time.monotonic() >= kill_at):
                stop.kill_all(self._reap)
            if self._spec.memory is not None and self._too_much(self._spec.memory):
                stop.kill_all(self._reap)
                return self._end("out_of_memory")

    def _warn(self) -> None:
        """The time is over soon, says the scheduler or the portal, mostly both: the application hears it once."""
        now, before = time.monotonic(), self._warned_at
        self._warned_at = now
        path = os.path.join(self._directory, ENDS)
        try:
            with open(path + ".new", "w") as file:
                json.dump({"ends_at": self._ends_at, "warned_at": time.time()}, file)
            os.rename(path + ".new", path)
        except OSError:
            pass  # a full disk: the signal still says it
        if before is not None and now - before < WARN_AGAIN:
            return
        if self._spec.warning_signal:
            stop.ask(self._pid, self._spec.warning_signal)
        if self._reporting is not None:
            self._reporting.warned()

    def _ended(self) -> bool:
        return self._status is not None

    @property
    def _pid(self) -> int:
        return self._application.pid if self._application is not None else 0

    def _too_much(self, limit: int) -> bool:
        return usage.exceeds(usage.descendants(os.getpid()), limit)

    def _end(self, kind: str) -> End:
        status = self._status or 0
        # what ran beside the application may know better than its exit code why it ended
        detail, message = wire_trouble.read(self._directory) if not kind else ("", "")
        if os.WIFSIGNALED(status):
            return End(None, os.WTERMSIG(status), kind, detail, message)
        return End(os.WEXITSTATUS(status), None, kind, detail, message)

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
        # a number: not all have a name
        if end.signal != signal.SIGKILL:
            signal.signal(end.signal, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [end.signal])
        os.kill(os.getpid(), end.signal)
        return 128 + end.signal
