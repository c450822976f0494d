"""What there is to know of a display back-end before a session starts."""

from collections.abc import Callable
from dataclasses import dataclass

from armchair.domain.application import Screen
from armchair.wire.runspec import SpecFile

# what Join opens: the portal's page around the display, whichever that is
PAGE = "/.armchair/screen"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayBackend:
    """`commands` and `files` must be there where the display server runs; the Debian `packages` bring them.

    `configuration` makes the files that the display server reads in the run's directory.
    """

    commands: tuple[str, ...]
    files: tuple[str, ...]
    packages: tuple[str, ...]
    configuration: Callable[[Screen], tuple[SpecFile, ...]]
