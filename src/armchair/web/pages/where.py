"""The launch form's questions about the place on a cluster: only those that leave this person a choice."""

from collections.abc import Iterator
from dataclasses import dataclass

from armchair import words
from armchair.domain.cluster import Offer, Partition
from armchair.sessions.choose import Choices
from armchair.web.pages.wish import Wish
from armchair.words import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One question with its answers, (value, text) each. `value` is what was chosen; `empty` is what no answer means."""

    name: str
    label: str
    help: str
    value: str
    empty: str
    options: tuple[tuple[str, str], ...]


def picks(found: Choices, wish: Wish, mistakes: frozenset[str]) -> list[Pick]:
    """The questions to show. One that was answered, or answered wrongly, is shown also when there is nothing to choose."""
    if found.offer is None:
        return []
    shown = []
    for pick, least in _all(found, found.offer, wish):
        if len(pick.options) >= least or pick.value or pick.name in mistakes:
            known = {value for value, _text in pick.options}
            stray = ((pick.value, pick.value),) if pick.value and pick.value not in known else ()
            shown.append(
                Pick(
                    name=pick.name,
                    label=pick.label,
                    help=pick.help,
                    value=pick.value,
                    empty=pick.empty,
                    options=(*pick.options, *stray),
                )
            )
    return shown


def _all(found: Choices, offer: Offer, wish: Wish) -> Iterator[tuple[Pick, int]]:
    """All questions, each with how many answers there must be for it to be one."""
    settled = found.chosen.placement
    kinds = sorted({kind for one in offer.partitions for kind in one.gpus if kind})

    def pick(name: str, label: str, text: str, options: list[tuple[str, str]], empty: str) -> Pick:
        name = f"placement.{name}"
        value = wish.places.get(name, "")
        return Pick(name=name, label=label, help=text, value=value, empty=empty, options=tuple(options))

    partitions = [(one.name, _partition(one)) for one in offer.partitions]
    accounts = [(one.name, one.name) for one in offer.accounts]
    reservations = [
        (one.name, _("{name} until {time}").format(name=one.name, time=words.clock(one.end, found.now)))
        for one in offer.reservations
    ]
    yield (
        pick("partition", _("Partition"), _("The part of the cluster to run in."), partitions, _automatic(settled.partition)),
        2,
    )
    yield (
        pick(
            "account", _("Group account"), _("The group that this is counted against."), accounts, _automatic(settled.account)
        ),
        2,
    )
    yield (
        pick(
            "qos",
            _("QOS"),
            _("The quality of service: the priority and limits that your site has agreed on."),
            [(one, one) for one in found.qos],
            _automatic(settled.qos),
        ),
        2,
    )
    yield pick("reservation", _("Reservation"), _("Nodes that are kept for a class or a group."), reservations, _("None")), 1
    yield pick("gpu_type", _("Kind of GPU"), _("Counts when the size has GPUs."), [(k, k) for k in kinds], _("Any")), 1


def _automatic(settled: str) -> str:
    return _("Automatic: {name}").format(name=settled) if settled else _("Automatic")


def _partition(one: Partition) -> str:
    parts = [one.name]
    if one.max_walltime is not None:
        parts.append(_("at most {time}").format(time=words.long_duration(one.max_walltime)))
    if not one.up:
        parts.append(_("closed"))
    return ", ".join(parts)
