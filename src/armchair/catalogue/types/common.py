"""What the RunSpecs of all types have in common: the environment of a run script, its files, how it is stopped."""

from importlib import resources
from urllib.parse import urlsplit

from armchair.catalogue.containers import NOTHING, Surroundings
from armchair.domain.application import Application, Plan
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec, SpecFile

SCRIPT, ANSWERS = "run.sh", "answers.sh"
_MB = 1024**2
# Of the job's environment, what would lead the program astray: Python settings of another environment, and the
# display and desktop session of whoever started the portal.
UNSET = (
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "SESSION_MANAGER",
    "DBUS_SESSION_BUS_ADDRESS",
    "TMUX",
    "TMUX_PANE",
)


class Tools:
    """Where on the node things of the portal are: the kit's directory ("" without one) and the portal's interpreter; and what
    stands `around` the program.
    """

    __slots__ = ("around", "kit", "python")

    def __init__(self, *, kit: str, python: str, around: Surroundings = NOTHING) -> None:
        self.kit = kit
        self.python = python
        self.around = around


def environment(application: Application, plan: Plan, context: SpecContext, tools: Tools) -> dict[str, str]:
    """The variables that each run script gets; answers come in here and nowhere else (I13)."""
    return {
        **application.environment,
        **plan.environment,
        "ARMCHAIR_APP": application.name,
        "ARMCHAIR_SESSION": context.session,
        "ARMCHAIR_SESSION_NUMBER": str(context.number),
        "ARMCHAIR_URL": context.url,
        "ARMCHAIR_USER": context.user,
        "ARMCHAIR_CORES": str(plan.resources.cores),
        "ARMCHAIR_MEMORY_MB": "" if plan.resources.memory is None else str(plan.resources.memory // _MB),
        "ARMCHAIR_APP_DIR": application.directory,
        "ARMCHAIR_KIT": tools.kit,
        "ARMCHAIR_PYTHON": tools.python,
    }


def build(
    application: Application,
    plan: Plan,
    context: SpecContext,
    *,
    argv: tuple[str, ...],
    files: tuple[SpecFile, ...],
    environment: dict[str, str],
    transport: str,
) -> RunSpec:
    """The RunSpec, once the type has said what to run."""
    return RunSpec(
        argv=argv,
        environment=environment,
        unset=UNSET,
        directory="~",
        files=files,
        transport=transport,
        # the Host header of the probe: applications refuse one with a path
        host=urlsplit(context.url).netloc,
        ready_path=application.readiness.path,
        ready_statuses=application.readiness.statuses,
        stop_signal=application.stop_signal,
        stop_grace=application.stop_grace.total_seconds(),
        log_directory=context.state_directory,
        # which launcher runs it, and whether that one enforces the limit, is not known here
        memory=plan.resources.memory,
    )


def scripts(text: str) -> tuple[SpecFile, ...]:
    """The run script as it stands in the application's directory, and what it may use."""
    answers = (resources.files("armchair.catalogue.types") / ANSWERS).read_text("utf-8")
    return (SpecFile(ANSWERS, answers, 0o600), SpecFile(SCRIPT, text, 0o700))
