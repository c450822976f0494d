"""Runs programs for the test cluster: blocking, with a time-out, as whom one says."""

import os
import pwd
import subprocess  # noqa: TID251 - the portal's own door is what is tested against this cluster
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Done = subprocess.CompletedProcess[str]


class ClusterError(Exception):
    """The test cluster did not do what was asked of it."""


def environment(user: str | None, extra: Mapping[str, str]) -> dict[str, str]:
    """A clean login environment: nothing of the caller's reaches the cluster."""
    entry = pwd.getpwnam(user or "root")
    return {
        "PATH": PATH,
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
        "LOGNAME": entry.pw_name,
        "SHELL": "/bin/sh",
        "LC_ALL": "C",
        "TZ": "UTC",
        **extra,
    }


def run(
    argv: Sequence[str | Path],
    *,
    user: str | None = None,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float = 30,
) -> Done:
    """Run to the end, as `user` (default: root). Raises ClusterError with the output when it fails and `check` is set."""
    done = subprocess.run(
        [str(part) for part in argv],
        input=stdin if stdin is not None else "",
        env=environment(user, env or {}),
        cwd=home if user and Path(home := pwd.getpwnam(user).pw_dir).is_dir() else "/",
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout,
        **_identity(user),
    )
    if check and done.returncode != 0:
        raise ClusterError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def start(argv: Sequence[str | Path], *, user: str | None = None, env: Mapping[str, str], log: Path) -> int:
    """Start a program that stays in the foreground, in a session of its own (Ctrl-C must not reach it). Its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(user, env),
            cwd="/",
            start_new_session=True,
            **_identity(user),
        )
    process.returncode = 0  # it outlives this object, which otherwise complains
    return process.pid


def _identity(user: str | None) -> dict[str, object]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 20, interval: float = 0.05) -> None:
    """Return as soon as `condition` holds. Raises ClusterError naming `what` otherwise."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"not within {timeout:.0f} s: {what}")
        time.sleep(interval)
