"""Whose a cluster is: one test session, or one person's command, at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cluster.layout import INSTANCES, Layout
from cluster.rig import Cluster
from cluster.shell import ClusterError


class InUse(ClusterError):
    """Somebody else has this instance at the moment."""


@contextmanager
def claim(layout: Layout, *, wait: bool = False) -> Iterator[None]:
    """Hold the instance's lock; the system lets go of it when we die. Raises InUse unless `wait`."""
    with layout.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(f"a test session uses cluster {layout.instance}") from error
        yield


@contextmanager
def spare(*, own_pace: bool = False) -> Iterator[Cluster]:
    """A cluster of its own, on the first free instance, taken down afterwards. `own_pace` as in `Cluster.up`."""
    for number in INSTANCES:
        cluster = Cluster(number)
        with ExitStack() as stack:
            try:
                stack.enter_context(claim(cluster.layout))
            except InUse:
                continue
            # Nobody holds the lock, so what is up here is a person's, or was left by a session that was killed.
            if cluster.exists() and not cluster.lent.exists():
                continue
            stack.callback(cluster.down)
            cluster.up(lent=True, own_pace=own_pace)
            yield cluster
            return
    raise ClusterError(f"all {len(INSTANCES)} instances are in use: see tests/cluster/cluster.py status --instance N")


@contextmanager
def chosen(instance: int) -> Iterator[Cluster]:
    """Instance `instance`, cleaned when it is up already, and afterwards as up or down as it was."""
    cluster = Cluster(instance)
    with claim(cluster.layout, wait=True):  # two sessions on one cluster would end each other's jobs
        found = cluster.is_up()
        try:
            cluster.up()
            cluster.clean()
            yield cluster
        finally:
            if not found:
                cluster.down()
