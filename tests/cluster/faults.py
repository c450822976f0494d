"""What can go wrong on a cluster, to be done on purpose. `mend` undoes all of it."""

import contextlib
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from cluster import daemons, network
from cluster.layout import Layout
from cluster.names import NODES
from cluster.processes import read_pid, send
from cluster.shell import PATH, ClusterError, Done, wait_until


class Faults:
    """Mixed into `Cluster`."""

    layout: Layout
    changes: dict[str, str | None]
    run: Callable[..., Done]
    reconfigure: Callable[..., None]

    def __init__(self) -> None:
        self._slow: tuple[threading.Thread, threading.Event] | None = None

    # -- daemons -------------------------------------------------------------------------------------------------------

    def stop_controller(self) -> None:
        """As `systemctl stop slurmctld`: state is saved, nobody answers afterwards."""
        daemons.stop_controller(self.layout)

    def freeze_state(self) -> None:
        """Restart the controller, then let it save nothing more: `kill_controller` makes it forget all that comes after."""
        daemons.stop_controller(self.layout)
        daemons.start_controller(self.layout)
        wait_until(self._nodes_work, "all nodes work again", 60)
        for digit in range(10):  # where it must write to take a job at all
            (self._state / f"hash.{digit}").mkdir(exist_ok=True)
            shutil.chown(self._state / f"hash.{digit}", "slurm", "slurm")
        self._state.chmod(0o555)

    @property
    def _state(self) -> Path:
        return self.layout.run / "state"

    def kill_controller(self) -> None:
        """-9: what it has not saved (it does so every few seconds) is forgotten, and job numbers come again."""
        daemons.stop_controller(self.layout, signal.SIGKILL)

    def start_controller(self) -> None:
        self.resume_controller()
        self._state.chmod(0o755)
        daemons.start_controller(self.layout)

    def pause_controller(self) -> None:
        """It hangs: connections are taken and nobody answers."""
        self.stop_background()
        self._signal("slurmctld", signal.SIGSTOP)

    def resume_controller(self) -> None:
        self.stop_background()
        self._signal("slurmctld", signal.SIGCONT)

    def slow_controller(self, seconds: float) -> None:
        """Answers come only every `seconds`: it sleeps that long, works for 50 ms, and so on until `resume_controller`."""
        self.resume_controller()
        enough = threading.Event()

        def nap() -> None:
            while True:
                self._signal("slurmctld", signal.SIGSTOP)
                woken = enough.wait(seconds)
                self._signal("slurmctld", signal.SIGCONT)
                if woken or enough.wait(0.05):
                    return

        thread = threading.Thread(target=nap, daemon=True, name="slow slurmctld")
        self._slow = (thread, enough)
        thread.start()

    def stop_background(self) -> None:
        if self._slow is not None:
            thread, enough = self._slow
            enough.set()
            thread.join()
            self._slow = None

    def stop_dbd(self) -> None:
        daemons.stop_dbd(self.layout)

    def start_dbd(self) -> None:
        daemons.start_dbd(self.layout)

    def stop_munge(self) -> None:
        """Nobody can authenticate, on the machine and on the nodes: they share one munged."""
        daemons.stop_munge(self.layout)

    def start_munge(self) -> None:
        daemons.start_munge(self.layout)

    def kill_slurmd(self, node: str) -> None:
        """-9: its jobs' processes live on and nobody watches them; a cancelled job stays COMPLETING."""
        daemons.stop_slurmd(self.layout, node, signal.SIGKILL)

    def start_slurmd(self, node: str) -> None:
        daemons.start_slurmd(self.layout, node)

    def _signal(self, daemon: str, number: signal.Signals) -> None:
        if (pid := read_pid(self.layout.pid_file(daemon))) is not None:
            send(pid, number)

    # -- network -------------------------------------------------------------------------------------------------------

    def cut(self, node: str) -> None:
        """Pull the node's cable."""
        network.set_link(self.layout, node, up=False)

    def mend_cable(self, node: str) -> None:
        network.set_link(self.layout, node, up=True)

    def block_host(self, node: str) -> None:
        """The node's packets to `host_address` go nowhere; Slurm's own traffic uses another address and lives."""
        self._on(node, "ip", "route", "replace", "blackhole", f"{self.layout.host_address}/32")

    def unblock_host(self, node: str) -> None:
        self._on(node, "ip", "route", "del", "blackhole", f"{self.layout.host_address}/32", check=False)

    def close_ports(self, node: str, first: int, last: int) -> None:
        """Connections from outside to these TCP ports of the node hang, as behind a firewall; it reaches out as before."""
        self._on(node, "ip", "rule", "add", "ipproto", "tcp", "sport", f"{first}-{last}", "priority", "100", "blackhole")

    def open_ports(self, node: str) -> None:
        while self._on(node, "ip", "rule", "del", "priority", "100", check=False).returncode == 0:
            pass

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def set_node(self, node: str, state: str, reason: str = "test") -> None:
        """`DOWN` (its jobs end NODE_FAIL at once), `DRAIN`, `RESUME`, …"""
        self.run(["scontrol", "update", f"NodeName={node}", f"State={state}", f"Reason={reason}"])

    def drain(self, *nodes: str) -> None:
        """Running jobs go on, new ones wait."""
        for node in nodes or NODES:
            self.set_node(node, "DRAIN")

    def resume(self, *nodes: str) -> None:
        for node in nodes or NODES:
            self.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], check=False)

    def hide_program(self, node: str, program: str) -> None:
        """The node has no such program: whatever PATH finds is covered by a file that can't be executed."""
        self._cover(node, program, self._empty())

    def replace_program(self, node: str, program: str, by: Path) -> None:
        """PATH finds `by`, an executable that the node can see (not in this machine's /tmp), under the program's name."""
        self._cover(node, program, by)

    def hide_homes(self, node: str) -> None:
        """No home directory exists on the node."""
        self._mount(node, "/home", "mode=755")

    def hide_directory(self, node: str, path: Path) -> None:
        """The directory is empty on the node."""
        self._mount(node, str(path), "mode=755")

    def replace_file(self, node: str, path: Path, by: Path) -> None:
        """The node sees `by` (not in this machine's /tmp) where everybody else sees this file."""
        self._on(node, "mount", "--bind", by, path)
        self._note_mount(node, path)

    def fill_home(self, node: str, user: str) -> None:
        """The user's home on the node is an empty directory without room for one byte."""
        home = Path("~" + user).expanduser()
        self._mount(node, str(home), "size=4k,mode=1777")
        self._on(node, "sh", "-c", f"head -c 4096 /dev/zero > {home}/full", check=False)

    def fill_temporary(self, node: str) -> None:
        """The node's /tmp and /dev/shm take no byte any more."""
        for target in ("/tmp", "/dev/shm"):
            self._on(node, "sh", "-c", f"head -c 4096 /dev/zero > {target}/full")
            self._on(
                node, "sh", "-c", f'mount -o "remount,size=$(df -k --output=used {target} | tail -1 | tr -d " ")k" {target}'
            )
        (self.layout.run / f"filled.{node}").touch()

    def empty_temporary(self, node: str) -> None:
        if (mark := self.layout.run / f"filled.{node}").exists():
            for target in ("/tmp", "/dev/shm"):
                self._on(node, "mount", "-o", "remount,size=50%", target)
                self._on(node, "rm", "-f", f"{target}/full")
            mark.unlink()

    def _cover(self, node: str, program: str, by: Path) -> None:
        found = {path.resolve() for folder in PATH.split(":") if (path := Path(folder, program)).exists()}
        if not found:
            raise ClusterError(f"there is no {program} to hide")
        for path in sorted(found):
            self._on(node, "mount", "--bind", by, path)
            self._note_mount(node, path)

    def _mount(self, node: str, target: str, options: str) -> None:
        self._on(node, "mount", "-t", "tmpfs", "-o", options, "test", target)
        self._note_mount(node, Path(target))

    def _empty(self) -> Path:
        path = self.layout.run / "empty"
        path.touch(mode=0o644)
        return path

    def _note_mount(self, node: str, target: Path) -> None:
        with self._mounts(node).open("a") as file:
            file.write(f"{target}\n")

    def show_again(self, node: str) -> None:
        """Undo `hide_program`, `hide_directory`, `hide_homes`, `replace_program`, `replace_file`, `fill_home`."""
        with contextlib.suppress(FileNotFoundError):
            for target in reversed(self._mounts(node).read_text().splitlines()):
                self._on(node, "umount", "--lazy", target, check=False)
            self._mounts(node).unlink()

    def _mounts(self, node: str) -> Path:
        return self.layout.run / f"mounts.{node}"

    def _on(self, node: str, *argv: str | Path, check: bool = True) -> Done:
        return network.on_node(self.layout, node, argv, check=check)

    # -- everything ----------------------------------------------------------------------------------------------------

    def mend(self) -> None:
        """Undo every fault, whoever caused it, and wait until all nodes work again. Jobs are not touched."""
        daemons.start_munge(self.layout)
        daemons.start_dbd(self.layout)
        self.start_controller()
        for node in NODES:
            self.mend_cable(node)
            self.unblock_host(node)
            self.open_ports(node)
            self.show_again(node)
            self.empty_temporary(node)
            daemons.start_slurmd(self.layout, node)
        if self.changes:
            self.changes.clear()
            self.reconfigure(restart=True)
        wait_until(self._nodes_work, "all nodes work again", 60)

    def _nodes_work(self) -> bool:
        lines = self.run(["sinfo", "-h", "-N", "-o", "%N %T"], check=False).stdout.splitlines()
        states = dict(line.split() for line in lines)
        if broken := [node for node, state in states.items() if state.startswith(("down", "drain", "fail", "error"))]:
            self.resume(*broken)
        return states.keys() >= set(NODES) and set(states.values()) <= {"idle", "mixed", "allocated", "completing", "reserved"}
