"""`Cluster`: a real Slurm cluster on this machine, brought up, used, broken on purpose, mended, and taken down.

    cluster = Cluster(0)
    cluster.up()
    job = cluster.run(["sbatch", "--parsable", "--wrap", "sleep 60"], user=ALICE.name).stdout.strip()
    cluster.wait_job(job, "RUNNING")
    cluster.down()

Needs root. The controller and the database daemon run on the machine itself, the nodes are network namespaces with
addresses and host names of their own. Faults are in `cluster.faults`.
"""

import os
import shutil
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import conf, control_groups, daemons, network, users
from cluster.faults import Faults
from cluster.layout import INSTANCES, Layout
from cluster.names import NODES, PEOPLE, Person
from cluster.processes import end, read_pid
from cluster.shell import Done, environment, run, wait_until

_DAEMONS = ("slurmctld", "slurmdbd", "mariadbd", "munged")
_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE"}


class Cluster(Faults):
    """Cluster number `instance` of this machine, up or not; several objects may speak about the same one."""

    def __init__(self, instance: int = 0) -> None:
        self.layout = Layout(instance=instance)
        self.changes: dict[str, str | None] = {}
        super().__init__()

    @property
    def env(self) -> dict[str, str]:
        """What a process needs in its environment to speak with this cluster."""
        return {"SLURM_CONF": str(self.layout.conf)}

    @property
    def conf(self) -> Path:
        return self.layout.conf

    @property
    def nodes(self) -> dict[str, str]:
        """Node name to address."""
        return self.layout.nodes

    @property
    def host_address(self) -> str:
        """This machine as the nodes should reach a portal on it (`block_host` cuts this and leaves Slurm alone)."""
        return self.layout.host_address

    @property
    def lent(self) -> Path:
        """The mark of a cluster that a test session made for itself."""
        return self.layout.run / "lent"

    @property
    def users(self) -> tuple[Person, ...]:
        return PEOPLE

    # -- life ----------------------------------------------------------------------------------------------------------

    def up(self, *, lent: bool = False, own_pace: bool = False) -> None:
        """From nothing, or from what is left of an earlier one, to idle nodes.

        `lent`: it is made for as long as somebody holds its lock file; found without, anybody may take it down.
        `own_pace`: its controller looks for work as often as Slurm's does, and not more often as tests like it.
        """
        if self.is_up() and not lent:
            return
        self.down()
        users.ensure()
        self._make_run_directory()
        if lent:
            self.lent.touch()
        if own_pace:
            self.layout.own_pace.touch()
        with ThreadPoolExecutor() as pool:
            nodes = pool.submit(self._nodes_up)
            daemons.start_munge(self.layout)
            daemons.make_database(self.layout)
            daemons.start_database(self.layout)
            nodes.result()
        daemons.start_dbd(self.layout)
        self.accounting(conf.accounting(self.layout))
        daemons.start_controller(self.layout)
        for node in NODES:
            daemons.start_slurmd(self.layout, node)
        wait_until(self._all_idle, "all nodes are idle", 30)
        self._partitions.write_text(self._shown_partitions())

    def is_up(self) -> bool:
        """Whether all daemons and nodes are there."""
        files = [*_DAEMONS, *(f"slurmd.{node}" for node in NODES), *(f"init.{node}" for node in NODES)]
        return all(read_pid(self.layout.pid_file(name)) is not None for name in files)

    def exists(self) -> bool:
        """Whether anything of it is there: it may be half up."""
        return network.bridge_exists(self.layout) or self.layout.run.exists()

    def down(self) -> None:
        """No process, mount, namespace, bridge, control group or run directory of it is left. The users stay."""
        self.stop_background()
        for daemon in ("slurmctld", "slurmdbd"):  # first, so that nobody starts or writes anything any more
            end(self.layout.pid_file(daemon), signal.SIGKILL)
        control_groups.thaw(self.layout)
        control_groups.kill_jobs(self.layout)
        network.down(self.layout)
        for daemon in ("mariadbd", "munged"):
            end(self.layout.pid_file(daemon), signal.SIGKILL)
        control_groups.remove(self.layout)
        self.changes.clear()
        shutil.rmtree(self.layout.run, ignore_errors=True)
        self.layout.run.exists() and shutil.rmtree(self.layout.run)  # a second time it must work, or say why not

    def wipe(self) -> None:
        """`down`, and the users and their homes go too, unless another cluster of this machine lives."""
        self.down()
        if not any(Cluster(number).exists() for number in INSTANCES):
            users.remove()

    def status(self) -> str:
        """For people."""
        lines = [
            f"{name}: {'up' if read_pid(self.layout.pid_file(name)) is not None else 'down'}"
            for name in [*_DAEMONS, *(f"slurmd.{node}" for node in NODES)]
        ]
        shown = self.run(["sinfo", "--Node", "--long"], check=False)
        return "\n".join([*lines, shown.stdout + shown.stderr])

    def _make_run_directory(self) -> None:
        run_as = {"munge": "munge", "state": "slurm", "log": "slurm", "pid": "slurm", "db": "slurm", "spool": None, "dev": None}
        layout = self.layout
        layout.run.mkdir(mode=0o755)
        for name, owner in run_as.items():
            (layout.run / name).mkdir(mode=0o755)
            if owner:
                shutil.chown(layout.run / name, owner, owner)
        (layout.run / "db").chmod(0o700)
        _secret(layout.munge_socket.parent / "key", 128, "munge")
        _secret(layout.jwt_key, 32, "slurm")
        for path in conf.gpu_files(layout):
            os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))  # as harmless as /dev/null
            path.chmod(0o666)
        control_groups.prepare(layout)
        self.write_conf()
        (layout.run / "gres.conf").write_text(conf.gres_conf(layout))
        (layout.run / "cgroup.conf").write_text(conf.cgroup_conf(layout))
        (layout.run / "hosts").write_text(conf.hosts(layout))
        dbd = layout.run / "slurmdbd.conf"
        dbd.touch(mode=0o600)
        dbd.write_text(conf.slurmdbd_conf(layout))
        shutil.chown(dbd, "slurm", "slurm")

    def _nodes_up(self) -> None:
        network.bridge_up(self.layout)
        for node in NODES:
            (self.layout.run / "spool" / node).mkdir()
            network.node_up(self.layout, node)

    @property
    def _partitions(self) -> Path:
        return self.layout.run / "partitions"

    def _shown_partitions(self) -> str:
        return self.run(["scontrol", "-o", "show", "partition"]).stdout

    def _all_idle(self) -> bool:
        states = self.run(["sinfo", "-h", "-N", "-o", "%N %T"], check=False).stdout.split("\n")
        return {line.split()[0] for line in states if line.endswith(" idle")} == set(NODES)

    # -- use -----------------------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        user: str | None = None,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 40,
    ) -> Done:
        """Run on this machine (as on a login node) as `user`, default root, with the cluster's SLURM_CONF."""
        return run(argv, user=user, stdin=stdin, env=self.env, check=check, timeout=timeout)

    def exec_on(
        self, node: str, argv: Sequence[str | Path], *, user: str | None = None, check: bool = True, timeout: float = 30
    ) -> Done:
        """Run on the node, outside any job: what another user who is logged in there could do."""
        env = environment(user, self.env)
        return run(network.inside(self.layout, node, argv, env, user), check=check, timeout=timeout)

    def submit(self, *options: str, script: str, user: str) -> str:
        """Submit a shell script as `user`; the job's number. Raises ClusterError with sbatch's words when refused."""
        text = f"#!/bin/sh\n{script}\n"
        return self.run(["sbatch", "--parsable", "--output=/dev/null", *options], user=user, stdin=text).stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """What `scontrol show job` says, field by field; empty when it knows no such job."""
        shown = self.run(["scontrol", "-o", "show", "job", number], check=False).stdout
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    def state(self, number: str) -> str:
        """The job's state, from the controller, or from accounting when the controller has forgotten it; "" for neither."""
        if state := self.job(number).get("JobState"):
            return state
        line = self.run(["sacct", "-X", "-n", "-P", "-o", "State", "-j", number], check=False).stdout
        return line.split()[0] if line.strip() else ""

    def wait_job(self, number: str, *states: str, timeout: float = 30) -> str:
        """Wait until the job is in one of the states ("RUNNING"), or has ended when none is given. That state."""
        wanted = set(states) or _ENDED
        seen = [""]

        def there() -> bool:
            seen[0] = self.state(number)
            return seen[0] in wanted

        try:
            wait_until(there, f"job {number} is {'/'.join(sorted(wanted))}", timeout)
        except Exception as error:
            error.add_note(f"it is {seen[0]}: {self.job(number)}")
            raise
        return seen[0]

    def wait_reachable(self, address: str, port: int, timeout: float = 20) -> None:
        """Wait until something takes TCP connections there."""

        def there() -> bool:
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                return False
            return True

        wait_until(there, f"{address}:{port} takes connections", timeout)

    def accounting(self, commands: str) -> str:
        """Lines for sacctmgr ("add user …"), as root."""
        return self.run(["sacctmgr", "-i"], stdin=commands).stdout

    def cancel_all(self) -> None:
        """End every job and wait until the nodes are rid of them."""
        if jobs := self._jobs():
            self.run(["scancel", *jobs], check=False)

        def gone() -> bool:
            control_groups.kill_jobs(self.layout)  # slurmstepd looks only every two seconds whether its shell has ended
            return not self._jobs()

        wait_until(gone, "no job is left", 60)

    def clean(self) -> None:
        """Mend every fault, end every job, delete every reservation, restore the partitions: as if nobody had been here."""
        self.mend()
        self.cancel_all()
        shown = self.run(["scontrol", "-o", "show", "reservation"], check=False).stdout.splitlines()
        for line in shown:
            if line.startswith("ReservationName="):
                self.run(["scontrol", "delete", line.split()[0]])
        if self._shown_partitions() != self._partitions.read_text():
            self.run(["scontrol", "reconfigure"])  # what was changed by `scontrol update` goes back to the file's words

    def _jobs(self) -> set[str]:
        return set(self.run(["squeue", "-h", "-o", "%F"]).stdout.split())

    # -- configuration -------------------------------------------------------------------------------------------------

    def reconfigure(self, *, restart: bool = False, **changes: str | None) -> None:
        """Change lines of slurm.conf (None takes one out) and have them read; `restart` where Slurm asks for that.

        `reconfigure(PrivateData="jobs")`. `mend` brings the original back.
        """
        self.changes.update(changes)
        self.write_conf()
        if restart:
            self.restart()
        else:
            self.run(["scontrol", "reconfigure"])

    def restart(self) -> None:
        """Restart slurmctld and every slurmd; jobs live on."""
        daemons.stop_controller(self.layout)
        for node in NODES:
            daemons.stop_slurmd(self.layout, node)
        daemons.start_controller(self.layout)
        for node in NODES:
            daemons.start_slurmd(self.layout, node)

    def write_conf(self) -> None:
        new = self.layout.conf.with_suffix(".new")
        new.write_text(conf.slurm_conf(self.layout, self.changes))
        new.replace(self.layout.conf)


def _secret(path: Path, size: int, owner: str) -> None:
    path.touch(mode=0o600)
    path.write_bytes(os.urandom(size))
    shutil.chown(path, owner, owner)
