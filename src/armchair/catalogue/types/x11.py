"""X11 applications: the run script draws windows, and Xpra brings them into the browser."""

from importlib import resources

from armchair.catalogue.types import common
from armchair.domain.application import Application, Plan, Transport
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec, SpecFile

_PRELUDE = "x11.sh"
_CONFIGURATION = "xpra.conf"


def spec(application: Application, plan: Plan, context: SpecContext, script: str, tools: common.Tools) -> RunSpec:
    """Runs the prelude, which starts an X server of the session's own and Xpra, and in them run.sh."""
    return common.build(
        application,
        plan,
        context,
        argv=(_PRELUDE,),
        files=(
            SpecFile(_PRELUDE, _shipped(_PRELUDE), 0o700),
            SpecFile(_CONFIGURATION, _shipped(_CONFIGURATION), 0o600),
            common.script(script),
        ),
        environment=common.environment(application, plan, context, tools),
        transport=Transport.UNIX.value,
    )


def _shipped(name: str) -> str:
    return (resources.files("armchair.catalogue.types") / name).read_text(encoding="utf-8")
