"""The screen of an application as its app.toml describes it, and what can't be in one."""

from armchair.catalogue.displays.registry import DEFAULTS
from armchair.catalogue.problems import Report
from armchair.catalogue.schema import AppFile, parse_size
from armchair.domain.application import AppType, Backend, FileExchange, Screen

READY_PATH = "/-/ready"
SIZES = {Backend.XPRA: (3840, 2160), Backend.VNC: (1280, 800)}


def build(table: AppFile, report: Report) -> Screen | None:
    """The application's screen; None for one without. What does not fit together goes into the report."""
    kind = AppType(table.type)
    if kind not in DEFAULTS:
        if table.display.model_fields_set:
            report.add(("display",), "Only x11 and desktop applications have a display. A web application brings its own page.")
        return None
    if table.connection.model_fields_set:
        report.add(("connection",), "An x11 or desktop application has no connection of its own: Armchair brings it over.")
    display = table.display
    backend = Backend(display.backend) if display.backend else DEFAULTS[kind]
    if display.sound and backend is not Backend.XPRA:
        report.add(("display", "sound"), 'Sound comes with backend = "xpra" only.')
    return Screen(
        backend=backend,
        files=FileExchange(display.files),
        folder=display.folder,
        sound=display.sound,
        size=parse_size(display.size or "") or SIZES[backend],
    )
