"""Runs what is allowed: as the person of a mandate by way of sudo, or, to look and to extend, as the helper's own account."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from armchair.domain.errors import Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.helper import allowed
from armchair.helper.aside import aside
from armchair.helper.config import ClusterConfig, HelperConfig
from armchair.helper.files import TAIL
from armchair.helper.people import Account, account
from armchair.helper.statements import Mandate
from armchair.launchers import command
from armchair.launchers.command import Completed

_FIXED = {"TZ": "UTC", "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OUTPUT = re.compile(r"(?:~/|/)(?:[A-Za-z0-9_.@+/-]{1,400}/)?([A-Za-z0-9_.-]{1,100})-[1-9][0-9]{0,9}\.out", re.ASCII)
LIMIT = 32 * 1024 * 1024
_BAR = "\x1f"


class Acts:
    """Holds no state. All methods raise Refused for what is not allowed, and what `command.run` raises."""

    def __init__(self, config: HelperConfig) -> None:
        self._config = config

    async def read(self, cluster: str, argv: Sequence[str], timeout: timedelta) -> Completed:  # noqa: ASYNC109 - as in command.run
        """A command that only shows, as ourselves: an operator of the cluster, who sees all jobs."""
        allowed.reading(argv)
        return await self._run(self._cluster(cluster), [], argv, None, timeout)

    async def would_start(self, cluster: str, login: str, argv: Sequence[str], stdin: Secret, timeout: timedelta) -> Completed:  # noqa: ASYNC109 - as in command.run
        """When a job of this person's would start. It submits nothing."""
        chosen = self._cluster(cluster)
        allowed.question_of_time(argv, chosen.extra_args)
        person = await aside(account, self._config, login)
        return await self._run(chosen, self._become(person), argv, stdin, timeout)

    async def act(self, mandate: Mandate, argv: Sequence[str], stdin: Secret | None, timeout: timedelta) -> Completed:  # noqa: ASYNC109 - as in command.run
        """Hand in the session's job, end it or give it more time."""
        chosen = self._cluster(mandate.cluster)
        person = self._become(mandate.account)
        if argv[:1] == ["sbatch"]:
            if not mandate.is_fresh:
                raise Refused("mandate_unknown")
            allowed.submission(argv, mandate.mark, chosen.extra_args)
            return await self._run(chosen, person, argv, stdin, timeout)
        if argv[:1] == ["scancel"]:
            gone = await self._check_job(chosen, mandate, *allowed.cancellation(argv))
            return gone or await self._run(chosen, person, argv, None, timeout)
        job, minutes, where = allowed.extension(argv)
        if minutes > self._config.most_hours * 60:
            raise Refused("extension_too_long", most_hours=self._config.most_hours)
        gone = await self._check_job(chosen, mandate, job, where)
        return gone or await self._run(chosen, [], argv, None, timeout)

    async def tail(self, mandate: Mandate, path: str) -> str:
        """The end of a job's output file, read as its owner. A file that is not called as this cluster's are is not read."""
        found = _OUTPUT.fullmatch(path)
        if found is None or found[1] != mandate.cluster or "/../" in path:
            raise Refused("command_not_allowed", program="tail")
        whole = str(Path(mandate.account.home, path[2:])) if path.startswith("~/") else path
        argv = [*self._become(mandate.account), *TAIL, whole]
        own = {"PATH": _PATH, **_FIXED}
        done = await command.run(argv, env=own, clean=True, cwd="/", timeout=timedelta(seconds=10), relayed=True)
        return done.stdout if done.exit_code == 0 else ""

    async def _check_job(self, cluster: ClusterConfig, mandate: Mandate, job: str, where: Sequence[str]) -> Completed | None:
        """Whether this job is the mandate's: by the cluster's own word for its owner and its mark. Raises Refused.

        A job that the cluster does not know is nobody's: then its words are the answer, and nothing more is to be run.
        The owner comes first in the answer: what follows is the owner's own text, and may look like anything.
        """
        argv = ["squeue", "--noheader", "--states=all", *where, f"--jobs={job}", f"--format=%U{_BAR}%k{_BAR}%j"]
        done = await self._run(cluster, [], argv, None, timedelta(seconds=30))
        if done.exit_code != 0:
            if "Invalid job id" in done.stderr:
                return done
            raise Unavailable("scheduler_silent", reason=done.stderr.strip()[-300:])
        owner, _, texts = done.stdout.partition(_BAR)
        comment, _, name = texts.partition(_BAR)
        marks = {*comment.split(), name.strip().rpartition(":")[2]}
        if owner.strip() != str(mandate.account.uid) or mandate.mark not in marks:
            raise Refused("not_your_job", job=job)
        return None

    def _cluster(self, name: str) -> ClusterConfig:
        if name not in self._config.clusters:
            raise Refused("no_such_cluster", cluster=name)
        return self._config.clusters[name]

    def _become(self, person: Account) -> list[str]:
        return [str(self._config.sudo), "-n", "-H", "-u", person.login, "--"]

    async def _run(
        self,
        cluster: ClusterConfig,
        become: Sequence[str],
        argv: Sequence[str],
        stdin: Secret | None,
        timeout: timedelta,  # noqa: ASYNC109 - as in command.run
    ) -> Completed:
        program = str(cluster.bin_directory / argv[0])
        return await command.run(
            [*become, program, *argv[1:]],
            stdin=stdin,
            timeout=timeout,
            limit=LIMIT,
            env=_environment(cluster),
            clean=True,
            cwd="/",
            relayed=bool(become),
        )


def _environment(cluster: ClusterConfig) -> Mapping[str, str]:
    own = {"PATH": _PATH, "HOME": os.environ.get("HOME", "/"), **_FIXED}
    return {**own, "SLURM_CONF": cluster.slurm_conf} if cluster.slurm_conf else own
