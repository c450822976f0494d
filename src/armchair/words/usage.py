"""What a session uses against what it asked for."""

from collections.abc import Sequence
from datetime import timedelta

from armchair.domain.run import UsageSample
from armchair.domain.session import Resources
from armchair.words.language import gettext
from armchair.words.quantities import cores, memory

LONG_ENOUGH = timedelta(minutes=5)
LITTLE = 0.25  # of what was asked for
WORTH_SAYING_CORES = 4
WORTH_SAYING_MEMORY = 8 * 2**30


def usage(sample: UsageSample, asked: Resources) -> tuple[str, str]:
    """The last sample in short form: ("0.4 of 16 cores", "2.1 GB of 64 GB")."""
    used_cores = gettext("%(used)s of %(asked)s") % {"used": f"{sample.cpu:.1f}", "asked": cores(asked.cores)}
    if asked.memory is None:
        return used_cores, memory(sample.memory)
    return used_cores, gettext("%(used)s of %(asked)s") % {"used": memory(sample.memory), "asked": memory(asked.memory)}


def spared(samples: Sequence[UsageSample], asked: Resources) -> str:
    """A sentence when a session has for minutes used much less than it asked for; "" when there is nothing to say."""
    if len(samples) < 2 or samples[-1].at - samples[0].at < LONG_ENOUGH:
        return ""
    most_cores = max(sample.cpu for sample in samples)
    most_memory = max(sample.memory for sample in samples)
    facts = []
    if asked.cores >= WORTH_SAYING_CORES and most_cores < asked.cores * LITTLE:
        facts.append(
            gettext("You asked for %(asked)s and use %(used)s.") % {"asked": cores(asked.cores), "used": f"{most_cores:.1f}"}
        )
    if asked.memory is not None and asked.memory >= WORTH_SAYING_MEMORY and most_memory < asked.memory * LITTLE:
        values = {"asked": memory(asked.memory), "used": memory(most_memory)}
        facts.append(gettext("You asked for %(asked)s of memory and use %(used)s.") % values)
    if not facts:
        return ""
    return " ".join([*facts, gettext("A smaller size starts sooner and leaves room for others.")])
