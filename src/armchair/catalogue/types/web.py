"""Web applications: the run script itself serves HTTP."""

from armchair.catalogue.types import common, nodefiles
from armchair.domain.application import Application, Plan
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec


def spec(application: Application, plan: Plan, context: SpecContext, script: str, tools: common.Tools) -> RunSpec:
    """Runs run.sh, which serves on $ARMCHAIR_SOCKET or $ARMCHAIR_PORT."""
    around = tools.around
    return common.build(
        application,
        plan,
        context,
        argv=(*around.prefix, common.SCRIPT),
        files=(*(nodefiles.files(*around.programs) if around.programs else ()), *around.files, *common.scripts(script)),
        environment=common.environment(application, plan, context, tools),
        transport=plan.transport.value,
    )
