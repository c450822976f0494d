"""Which back-ends there are, and which one a type of application has when its definition names none."""

from armchair.catalogue.displays import vnc, xpra
from armchair.catalogue.displays.backend import DisplayBackend
from armchair.domain.application import AppType, Backend

BACKENDS: dict[Backend, DisplayBackend] = {Backend.XPRA: xpra.BACKEND, Backend.VNC: vnc.BACKEND}
DEFAULTS: dict[AppType, Backend] = {AppType.X11: Backend.XPRA, AppType.DESKTOP: Backend.VNC}
