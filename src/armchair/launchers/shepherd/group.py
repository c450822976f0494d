"""A job's own cgroup (version 2), where this user was given a part of the tree; everything here may fail and then means no.

Only delegated parts are touched: the one that a setting names, or the one this process is in when it belongs to an
unprivileged user or carries systemd's mark of delegation. The rest of the tree belongs to the system's manager.
"""

# pathlib takes longer to import than the rest of the keeper to start
# ruff: noqa: PTH102, PTH106, PTH118, PTH123

import os
import time

_MARKS = ("trusted.delegate", "user.delegate")


def own() -> str:
    """The cgroup-v2 directory of this process if it is delegated to us, else ""."""
    mount = _mount()
    try:
        with open("/proc/self/cgroup") as file:
            below = next((line[3:].strip() for line in file if line.startswith("0::")), "")
    except OSError:
        return ""
    path = mount + below.rstrip("/")
    return path if mount and below and _is_delegated(path) else ""


def _mount() -> str:
    try:
        with open("/proc/self/mounts") as file:
            return next((fields[1] for line in file if (fields := line.split())[2] == "cgroup2"), "")
    except OSError:
        return ""


def _is_delegated(path: str) -> bool:
    if not os.access(path, os.W_OK):
        return False
    if os.geteuid() != 0:
        return True
    for mark in _MARKS:
        try:
            if os.getxattr(path, mark) == b"1":
                return True
        except OSError:
            continue
    return False


class Group:
    """One job's cgroup. `limits_memory` tells whether the kernel enforces the limit; otherwise the shepherd counts."""

    def __init__(self, path: str, limits_memory: bool) -> None:
        self.path = path
        self.limits_memory = limits_memory

    @classmethod
    def make(cls, parent: str, name: str, memory: int | None) -> "Group | None":
        """A new group below `parent`; None when that is not possible. `memory` in bytes."""
        path = os.path.join(parent, f"armchair-{name}")
        try:
            os.mkdir(path)
        except OSError:
            return None
        limited = memory is not None and _put(path, "memory.max", str(memory))
        if limited:
            _put(path, "memory.swap.max", "0")
            _put(path, "memory.oom.group", "1")
        return cls(path, limited)

    def join(self) -> None:
        """Put the calling process into the group."""
        _put(self.path, "cgroup.procs", "0")

    def had_out_of_memory(self) -> bool:
        """Whether the kernel killed a member for want of memory."""
        try:
            with open(os.path.join(self.path, "memory.events")) as file:
                return any(line.startswith("oom_kill ") and int(line.split()[1]) > 0 for line in file)
        except (OSError, ValueError):
            return False

    def kill(self) -> None:
        """Kill all members at once, also those that fork faster than one can list them."""
        _put(self.path, "cgroup.kill", "1")

    def remove(self) -> None:
        """Remove the empty group; the kernel needs a moment after the last member's end."""
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                os.rmdir(self.path)
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.005)
            else:
                return


def _put(directory: str, name: str, value: str) -> bool:
    try:
        descriptor = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
