"""VNC: a whole screen, for desktops and for programs that bring many windows of their own."""

from armchair.catalogue.displays.backend import DisplayBackend
from armchair.domain.application import Screen
from armchair.wire.runspec import SpecFile


def configuration(_screen: Screen) -> tuple[SpecFile, ...]:
    """None: all that it is told stands in its command."""
    return ()


BACKEND = DisplayBackend(
    commands=("Xvnc", "openbox"),
    files=(),
    packages=("tigervnc-standalone-server", "openbox"),
    configuration=configuration,
)
