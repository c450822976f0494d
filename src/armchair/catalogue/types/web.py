"""Web applications: the run script itself serves HTTP."""

from armchair.catalogue.types import common
from armchair.domain.application import Application, Plan
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec


def spec(application: Application, plan: Plan, context: SpecContext, script: str, tools: common.Tools) -> RunSpec:
    """Runs run.sh, which serves on $ARMCHAIR_SOCKET or $ARMCHAIR_PORT."""
    return common.build(
        application,
        plan,
        context,
        argv=(common.SCRIPT,),
        files=(common.script(script),),
        environment=common.environment(application, plan, context, tools),
        transport=plan.transport.value,
    )
