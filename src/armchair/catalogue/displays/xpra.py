"""Xpra: windows one by one, for single programs."""

from importlib import resources

from armchair.catalogue.displays.backend import DisplayBackend
from armchair.domain.application import Screen
from armchair.wire.runspec import SpecFile


def configuration(_screen: Screen) -> tuple[SpecFile, ...]:
    """Xpra's own configuration: it reads this directory and no other, which makes its start fast and the same everywhere."""
    text = (resources.files("armchair.catalogue.displays") / "xpra.conf").read_text(encoding="utf-8")
    return (SpecFile("xpra.conf", text, 0o600),)


BACKEND = DisplayBackend(
    commands=("xpra", "Xvfb"),
    files=("/usr/share/xpra/www/index.html",),
    packages=("xpra", "xvfb", "libjs-jquery", "python3-lz4", "python3-numpy", "python3-pil"),
    configuration=configuration,
)
