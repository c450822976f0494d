"""The life of one screen: display server, front and program from the start to the end, with nothing left behind."""

import os
import signal
import threading
import time
from typing import Callable, Dict, List, NoReturn, Optional, Tuple

from armchair.node.screen import leftovers, processes
from armchair.node.screen.config import Config, command
from armchair.node.screen.displays.base import Display, Surroundings
from armchair.node.screen.displays.vnc import Vnc
from armchair.node.screen.displays.xpra import Xpra
from armchair.node.screen.front import Front
from armchair.node.screen.janitor import Janitor
from armchair.node.screen.program import Program
from armchair.wire import trouble as wire_trouble
from armchair.wire.trouble import Trouble

DISPLAYS: Dict[str, Callable[[Surroundings], Display]] = {"xpra": Xpra, "vnc": Vnc}
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
LOOK_EVERY = 0.25
DYING_SECONDS = 2.0


class Stopped(BaseException):
    """A signal asks for the end. It comes once, in the main thread, wherever that is."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Supervisor:
    """Runs one screen in `directory`, the run's private one, with its front on `socket`."""

    def __init__(self, directory: str, socket: str, config: Config) -> None:
        self._directory, self._config = directory, config
        self._janitor = Janitor()
        self._display = DISPLAYS[config.display](Surroundings(directory, config, self._janitor))
        self._program = Program(command(config.program, directory), self._janitor)
        self._front = Front(socket, self._display, config, lambda: self._program.state)
        self._patience = 2.0
        self._stop_signal = int(signal.SIGTERM)

    def run(self) -> int:
        """Until the program has ended, with its exit code, or a signal asks for the end, or the display has died (1)."""
        processes.adopt_orphans()
        self._hear()
        try:
            try:
                self._front.start()
                self._display.start()
                threading.Thread(target=self._start_program, daemon=True).start()
                threading.Thread(target=leftovers.sweep, daemon=True).start()
                return self._watch()
            finally:
                _deafen()
        except Stopped as stopped:
            # half of its time for the program, then there is time left for our own end
            self._patience = max(self._config.grace / 2, self._config.grace - 5)
            self._stop_signal = processes.number_of(self._config.stop_signal)
            return 128 + stopped.number
        except Trouble as trouble:
            wire_trouble.leave(self._directory, trouble)
            return 1
        finally:
            self._clear()

    def _hear(self) -> None:
        for number in ENDINGS:
            signal.signal(number, _stop)
        if self._config.warning_signal:
            signal.signal(processes.number_of(self._config.warning_signal), lambda number, _: self._program.warn(number))
        signal.signal(signal.SIGALRM, self._fail)

    def _fail(self, *_: object) -> None:
        if self._program.trouble is not None:
            raise self._program.trouble

    def _start_program(self) -> None:
        self._display.first_client.wait()
        self._program.start(self._display.environment())
        if self._program.trouble is not None:
            # the main thread waits for the end of children, which this is not
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    def _watch(self) -> int:
        """Take in children until the program is over; its exit code. Raises Trouble."""
        while True:
            # nobody tells when the last window has gone of a program whose launcher has ended: from then on we look
            ended = processes.reap(block=self._program.code is None)
            self._take_in(ended)
            if self._program.over(self._display, self._spared()) or (self._config.desktop and self._program.code is not None):
                self._ask_display()
                return self._program.code or 0
            if ended is None:
                time.sleep(LOOK_EVERY)

    def _take_in(self, ended: Optional[Tuple[int, int]]) -> None:
        if ended is not None:
            self._program.note(*ended)
            if ended[0] in self._display.processes():
                raise Trouble("display_died", _how(self._display.name, ended[1]))

    def _ask_display(self) -> None:
        """A program fails when its X server goes, and its end may be seen first. Raises Trouble if it was that."""
        if not self._program.code or not self._display.broken():
            return
        deadline = time.monotonic() + DYING_SECONDS
        while time.monotonic() < deadline:
            self._take_in(processes.reap())
            time.sleep(processes.PAUSE)
        raise Trouble("display_died", "The X server takes no more clients.")

    def _spared(self) -> List[int]:
        return self._display.processes() + self._display.helpers() + [self._janitor.pid]

    def _clear(self) -> None:
        """The program first, so that it can save while it has a screen; then the display; then whatever is left."""
        self._program.stop(self._spared(), self._patience, self._stop_signal)
        self._display.stop()
        self._front.stop()
        left = processes.below(os.getpid(), without=[self._janitor.pid])
        processes.send(left, signal.SIGKILL)
        processes.await_end(left, 2.0)
        self._janitor.dismiss()


def _stop(number: int, _frame: object) -> NoReturn:
    _deafen()
    raise Stopped(number)


def _deafen() -> None:
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)


def _how(name: str, status: int) -> str:
    if os.WIFSIGNALED(status):
        return "The display server (%s) was ended by signal %d." % (name, os.WTERMSIG(status))
    return "The display server (%s) ended with exit code %d." % (name, os.WEXITSTATUS(status))
