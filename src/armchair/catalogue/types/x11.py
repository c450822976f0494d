"""X11 programs and desktops: the run script draws windows, and a display server brings them into the browser."""

import json

from armchair.catalogue.containers import Surroundings
from armchair.catalogue.displays.registry import BACKENDS
from armchair.catalogue.types import common, nodefiles
from armchair.domain.application import Application, AppType, Plan, Screen, Transport
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec, SpecFile

PROGRAM = "screen"


def spec(application: Application, plan: Plan, context: SpecContext, script: str, tools: common.Tools) -> RunSpec:
    """Runs `screen` (armchair.node.screen), which starts an X server of the session's own, what shows it, and run.sh."""
    screen = application.screen or Screen()
    return common.build(
        application,
        plan,
        context,
        argv=(PROGRAM,),
        files=(
            *nodefiles.files(PROGRAM, *tools.around.programs),
            *tools.around.files,
            SpecFile("screen.json", json.dumps(settings(application, screen, tools.around)), 0o600),
            *BACKENDS[screen.backend].configuration(screen),
            *common.scripts(script),
        ),
        environment=common.environment(application, plan, context, tools),
        transport=Transport.UNIX.value,
    )


def settings(application: Application, screen: Screen, around: Surroundings) -> dict[str, object]:
    """What `screen` is told; armchair.node.screen.config says what each means."""
    return {
        "display": screen.backend.value,
        "desktop": application.type is AppType.DESKTOP,
        "program": [*around.prefix, common.SCRIPT],
        "display_prefix": list(around.display_prefix),
        "files": screen.files.value,
        "folder": screen.folder,
        "sound": screen.sound,
        "size": list(screen.size),
        "grace": application.stop_grace.total_seconds(),
        "stop_signal": application.stop_signal,
        "warning_signal": application.warning_signal,
    }
