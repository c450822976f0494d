"""The cluster's daemons: munged, a private MariaDB, slurmdbd, slurmctld, slurmd. Each can be started and stopped alone."""

import shutil
import signal
from pathlib import Path

from cluster import network
from cluster.layout import Layout
from cluster.processes import end, read_pid
from cluster.shell import ClusterError, run, start, wait_until

# the data is thrown away with the cluster, so nothing waits for the disk
_DATABASE_OPTIONS = (
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-lock-wait-timeout=900",
    "--skip-log-bin",
    "--skip-name-resolve",
)


def start_munge(layout: Layout) -> None:
    pid = layout.pid_file("munged")
    if read_pid(pid) is not None:
        return
    folder = layout.munge_socket.parent
    run(
        [
            "munged",
            "--force",
            f"--socket={layout.munge_socket}",
            *(f"--{name}-file={folder}/{name}" for name in ("key", "pid", "log", "seed")),
        ],
        user="munge",
    )
    shutil.copy(folder / "pid", pid)


def stop_munge(layout: Layout) -> None:
    end(layout.pid_file("munged"))


def make_database(layout: Layout) -> None:
    """An empty database, 2 s. It belongs to the user slurm and listens on a socket that only slurm and root reach."""
    folder = layout.database_socket.parent
    if (folder / "data" / "mysql").exists():
        return
    run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={folder}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_DATABASE_OPTIONS,
        ],
        user="slurm",
        timeout=60,
    )


def start_database(layout: Layout) -> None:
    pid = layout.pid_file("mariadbd")
    if read_pid(pid) is not None:
        return
    folder = layout.database_socket.parent
    number = start(
        [
            "mariadbd",
            "--no-defaults",
            "--skip-networking",
            f"--datadir={folder}/data",
            f"--socket={layout.database_socket}",
            f"--pid-file={folder}/pid",
            *_DATABASE_OPTIONS,
        ],
        user="slurm",
        env={},
        log=layout.log("mariadbd"),
    )
    pid.write_text(f"{number}\n")
    wait_until(layout.database_socket.exists, "MariaDB listens", 30)


def start_dbd(layout: Layout) -> None:
    """slurmdbd, waited for until it answers."""
    if read_pid(layout.pid_file("slurmdbd")) is None:
        env = {"SLURM_CONF": str(layout.conf), "MYSQL_UNIX_PORT": str(layout.database_socket)}
        run(["slurmdbd"], user="slurm", env=env)
    _await_port(layout, "slurmdbd")


def stop_dbd(layout: Layout) -> None:
    end(layout.pid_file("slurmdbd"))


def start_controller(layout: Layout) -> None:
    """slurmctld, waited for until it answers. State that does not load is ignored."""
    if read_pid(layout.pid_file("slurmctld")) is None:
        env = {"SLURM_CONF": str(layout.conf)}
        if (tick := _fasttick(layout)) is not None:
            env["LD_PRELOAD"] = str(tick)
        run(["slurmctld", "-i"], env=env)
    _await_port(layout, "slurmctld")


def stop_controller(layout: Layout, number: signal.Signals = signal.SIGTERM) -> None:
    end(layout.pid_file("slurmctld"), number, 30)


def start_slurmd(layout: Layout, node: str) -> None:
    if read_pid(layout.pid_file(f"slurmd.{node}")) is None:
        run(network.inside(layout, node, ["slurmd", "-N", node], {"SLURM_CONF": str(layout.conf)}))


def stop_slurmd(layout: Layout, node: str, number: signal.Signals = signal.SIGTERM) -> None:
    end(layout.pid_file(f"slurmd.{node}"), number)


def _await_port(layout: Layout, daemon: str) -> None:
    """Wait until the daemon listens. Asking /proc and not the daemon: a paused or half-ready one would hang the question."""
    wanted = f":{layout.port(daemon):04X}"

    def listens() -> bool:
        lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return any(line[1].endswith(wanted) and line[3] == "0A" for line in lines)

    try:
        wait_until(listens, f"{daemon} listens", 30, 0.02)
    except ClusterError as error:
        error.add_note(_tail(layout.log(daemon)))
        raise


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"


def _fasttick(layout: Layout) -> Path | None:
    """The library that makes slurmctld look for work more often; none where there is no compiler, or where it is not wanted."""
    if layout.own_pace.exists():
        return None
    library = layout.run / "fasttick.so"
    if not library.exists():
        if shutil.which("gcc") is None:
            return None
        run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("fasttick.c")])
        library.chmod(0o755)
    return library
