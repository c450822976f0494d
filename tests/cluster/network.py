"""Nodes as places: a bridge, and for each node a cable, a host name, and its own /tmp, /dev/shm and /etc/hosts.

A node is kept by one idle process that holds its namespaces; what runs "on the node" enters them. No name under
/run/netns, no line in the machine's /etc/hosts: when the processes are gone, so is the node.
"""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.layout import Layout
from cluster.processes import end, in_namespaces, kill_all, namespaces, read_pid
from cluster.shell import Done, run, start, wait_until

# The run directory stays visible in the node's own /tmp, at the same path. The order matters: bind first, hide then.
# `ip netns exec` would not do: it mounts /sys anew, without the control groups that slurmd needs.
_INIT = """
set -e
hostname "$1"
mount -t tmpfs -o mode=1777 shm /dev/shm
mount --bind "$2/hosts" /etc/hosts
mount -t tmpfs -o mode=1777 tmp "$3"
case "$2" in /tmp/*)
  mkdir -p "$3${2#/tmp}"
  mount --bind "$2" "$3${2#/tmp}"
  if mountpoint -q "$2/cgroup/freezer"; then mount --bind "$2/cgroup/freezer" "$3${2#/tmp}/cgroup/freezer"; fi
esac
mount --rbind "$3" /tmp
touch "/tmp/.node-ready"
exec sleep infinity
"""


_UNSHARE = ("unshare", "--net", "--uts", "--mount", "--ipc", "--propagation", "private")


def bridge_up(layout: Layout) -> None:
    _ip("link", "add", layout.bridge, "type", "bridge")
    _ip("addr", "add", f"{layout.controller_address}/24", "dev", layout.bridge)
    _ip("addr", "add", f"{layout.host_address}/24", "dev", layout.bridge)
    _ip("link", "set", layout.bridge, "up")


def bridge_exists(layout: Layout) -> bool:
    return Path("/sys/class/net", layout.bridge).exists()


def node_up(layout: Layout, node: str) -> None:
    scratch = layout.run / "tmp" / node
    scratch.mkdir(parents=True, exist_ok=True)
    pid = start(
        [*_UNSHARE, "sh", "-c", _INIT, "node", node, layout.run, scratch],
        env={},
        log=layout.log(f"init.{node}"),
    )
    _init_file(layout, node).write_text(f"{pid}\n")
    wait_until(lambda: Path(f"/proc/{pid}/root/tmp/.node-ready").exists(), f"{node} has its namespaces", 5, 0.005)
    _ip("link", "add", layout.link(node), "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    _ip("link", "set", layout.link(node), "master", layout.bridge, "up")
    inside = f"addr add {layout.nodes[node]}/24 dev eth0\nlink set lo up\nlink set eth0 up\n"
    run(["nsenter", "--net", "--target", str(pid), "ip", "-batch", "-"], stdin=inside)


def down(layout: Layout) -> None:
    """End everything on every node, then take the cables and the bridge away."""
    nodes = set[str]()
    for node in layout.nodes:
        if (pid := read_pid(_init_file(layout, node))) is not None:
            nodes |= namespaces(pid)
    nodes -= namespaces(1)
    if nodes:
        wait_until(lambda: not kill_all(in_namespaces(nodes)), "all processes on the nodes end", 15)
    for node in layout.nodes:
        end(_init_file(layout, node), signal.SIGKILL)
        if Path("/sys/class/net", layout.link(node)).exists():
            run(["ip", "link", "del", layout.link(node)], check=False)  # it also goes by itself, with its namespace
    if bridge_exists(layout):
        _ip("link", "del", layout.bridge)


def inside(layout: Layout, node: str, argv: Sequence[str | Path], env: Mapping[str, str], user: str | None = None) -> list[str]:
    """The command that runs `argv` on the node, as root or as `user` with their groups and home."""
    pid = read_pid(_init_file(layout, node))
    command = ["nsenter", "--net", "--uts", "--mount", "--ipc", "--target", str(pid)]
    if user is not None:
        command += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
    return [*command, "env", *(f"{key}={value}" for key, value in env.items()), *map(str, argv)]


def on_node(layout: Layout, node: str, argv: Sequence[str | Path], *, check: bool = True) -> Done:
    """Run on the node as root."""
    return run(inside(layout, node, argv, {}), check=check)


def is_up(layout: Layout, node: str) -> bool:
    return read_pid(_init_file(layout, node)) is not None


def set_link(layout: Layout, node: str, up: bool) -> None:
    _ip("link", "set", layout.link(node), "up" if up else "down")


def _init_file(layout: Layout, node: str) -> Path:
    return layout.pid_file(f"init.{node}")


def _ip(*words: str) -> None:
    run(["ip", *words])
