"""Which limit of what may run at the same time keeps a job waiting, although nodes are free. Pure.

`sbatch --test-only` looks for nodes and at no such limit: it says "now" to somebody whose QOS gives them four cores, and who
is using all four.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm.offerbuild import Books
from armchair.launchers.slurm.offerparse import AssociationFacts, PartitionFacts, QosFacts, Tres
from armchair.launchers.slurm.overview import QueuedJob

_DEPTH = 20
_ORDER = ("cores", "memory", "gpus", "jobs")
# the codes that Slurm itself will give the job, in the order of _ORDER
_GROUP = ("AssocGrpCpuLimit", "AssocGrpMemLimit", "AssocGrpGRES", "AssocGrpJobsLimit")
_MEMBER = ("", "", "", "AssocMaxJobsLimit")
_QOS = ("QOSGrpCpuLimit", "QOSGrpMemLimit", "QOSGrpGRES", "QOSGrpJobsLimit")
_USER = ("QOSMaxCpuPerUserLimit", "QOSMaxMemoryPerUser", "QOSMaxGRESPerUser", "QOSMaxJobsPerUserLimit")
_ACCOUNT = ("MaxCpuPerAccount", "MaxMemoryPerAccount", "MaxGRESPerAccount", "MaxJobsPerAccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job that somebody might start. `placement` names an account; its QOS may be left to the account's default."""

    login: str
    resources: Resources
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A limit, whose running jobs count against it, and the codes of what is reached."""

    limit: Tres
    user: str = ""
    accounts: frozenset[str] | None = None
    qos: str = ""
    partition: str = ""
    codes: tuple[str, ...]

    def counts(self, one: QueuedJob) -> bool:
        """Whether this job uses up some of it."""
        return (
            (not self.user or one.user == self.user)
            and (self.accounts is None or one.account in self.accounts)
            and (not self.qos or one.qos == self.qos)
            and (not self.partition or one.job.partition == self.partition)
        )


def has_rules(asked: Asked, books: Books, partitions: Sequence[PartitionFacts]) -> bool:
    """Whether there is any limit of this kind for the job; without one nobody needs to know what runs."""
    return next(_rules(asked, books, partitions), None) is not None


def full(asked: Asked, books: Books, partitions: Sequence[PartitionFacts], queue: Iterable[QueuedJob]) -> str:
    """The code of the first limit that the job would wait for; "" when it would wait for none."""
    running = [one for one in queue if one.runs]
    want = (asked.resources.cores, asked.resources.memory or 0, asked.resources.gpus, 1)
    for rule in _rules(asked, books, partitions):
        mine = [one.job for one in running if rule.counts(one)]
        used = (sum(job.cores for job in mine), sum(job.memory for job in mine), sum(job.gpus for job in mine), len(mine))
        for name, code, has, wants in zip(_ORDER, rule.codes, used, want, strict=True):
            limit = getattr(rule.limit, name)
            if code and wants and limit is not None and has + wants > limit:
                return code
    return ""


def _rules(asked: Asked, books: Books, partitions: Sequence[PartitionFacts]) -> Iterator[_Rule]:
    if books.limits:
        for rule in (*_of_accounts(asked, books), *_of_qos(asked, books, partitions)):
            if rule.limit != Tres():
                yield rule


def _of_accounts(asked: Asked, books: Books) -> Iterator[_Rule]:
    account = asked.placement.account
    mine = _association(asked, books)
    if mine is not None:
        own = frozenset({account})
        yield _Rule(limit=mine.group, user=asked.login, accounts=own, codes=_GROUP)
        yield _Rule(limit=Tres(jobs=mine.jobs), user=asked.login, accounts=own, codes=_MEMBER)
    above = {row.account: row for row in books.associations if not row.user}
    for _ in range(_DEPTH):
        row = above.get(account)
        if row is None:
            return
        if row.group != Tres():
            yield _Rule(limit=row.group, accounts=_below(account, above), codes=_GROUP)
        account = row.parent


def _of_qos(asked: Asked, books: Books, partitions: Sequence[PartitionFacts]) -> Iterator[_Rule]:
    known = {one.name: one for one in books.qos}
    mine = _association(asked, books)
    name = asked.placement.qos or (mine.default_qos if mine is not None else "")
    if (qos := known.get(name)) is not None:
        yield from _of_one(qos, asked, qos=name)
    place = next((one for one in partitions if one.name == asked.placement.partition), None)
    if place is not None and (qos := known.get(place.own_qos)) is not None:
        yield from _of_one(qos, asked, partition=place.name)


def _of_one(facts: QosFacts, asked: Asked, *, qos: str = "", partition: str = "") -> Iterator[_Rule]:
    own = frozenset({asked.placement.account})
    yield _Rule(limit=facts.each_user, user=asked.login, qos=qos, partition=partition, codes=_USER)
    yield _Rule(limit=facts.each_account, accounts=own, qos=qos, partition=partition, codes=_ACCOUNT)
    yield _Rule(limit=facts.together, qos=qos, partition=partition, codes=_QOS)


def _association(asked: Asked, books: Books) -> AssociationFacts | None:
    rows = [row for row in books.associations if row.user == asked.login and row.account == asked.placement.account]
    return next((row for row in rows if row.partition in {"", asked.placement.partition}), None)


def _below(account: str, above: Mapping[str, AssociationFacts]) -> frozenset[str]:
    """The account and all that are under it."""
    found = {account}
    for _ in range(_DEPTH):
        more = {name for name, row in above.items() if row.parent in found} - found
        if not more:
            break
        found |= more
    return frozenset(found)
