"""The job script: a few lines of POSIX shell that find a Python and give it the whole agent on standard input.

Nothing of Armchair needs to be installed on the node. No text of a person gets into the script, and its secret stands only
in the here-document, so it is in no argument list and no environment.
"""

import base64
import functools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from armchair.domain.secret import Secret
from armchair.sessions import sources
from armchair.sessions.ports import JobScript
from armchair.wire import config as wire_config
from armchair.wire import umask
from armchair.wire.messages import EXIT_NO_PYTHON, EXIT_NO_ROOM

EXAMINATION = "examine"
SHOWN_BUNDLE = "<the agent, packed>"
PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(14, 5, -1)), "/usr/bin/python3", "/usr/libexec/platform-python")

RUN_AGENT = """\
from armchair.agent.main import main
sys.exit(main(line))
"""
# the agent knows nothing of what stands beside a program; the two meet only here
RUN_EXAMINATION = f"""\
from armchair.agent.{EXAMINATION} import main
from armchair.node.survey import survey
sys.exit(main(line, survey))
"""
# Reads two lines: the configuration and the packed sources; then runs the agent with the configuration. It must fit one
# argument, be readable by Python 3.6 and contain no single quote.
LOADER = f"""
import base64, importlib.machinery, json, sys, zlib
line = sys.stdin.readline()
sources = json.loads(zlib.decompress(base64.b64decode(sys.stdin.readline())).decode())
{sources.FINDER}
{RUN_AGENT}"""

SCRIPT = """#!/bin/sh
# Armchair: this job runs one interactive session. It looks for a Python and hands it the agent, which calls the portal,
# learns what to start, and lets the portal's gateway in.
{umask}=$(umask)
export {umask}
umask 077
python=
for candidate in {pythons}; do
  case $("$candidate" -V 2>/dev/null) in
  "Python 3."[6-9]* | "Python 3."[1-9][0-9]*)
    python=$candidate
    break
    ;;
  esac
done
if [ -z "$python" ]; then
  echo "This node has no Python 3.6 or newer (looked for: {pythons})." >&2
  echo "Ask the help desk to install one, or choose another partition." >&2
  exit {no_python}
fi
# Many shells keep what stands below in a file on its way: where no disk has room for that, memory has.
own=${{TMPDIR-}}
for TMPDIR in "$own" /dev/shm; do
  {{
    TMPDIR=$own
    exec "$python" -I -S -B -c '{loader}'
  }} <<'ARMCHAIR'
{config}
{bundle}
ARMCHAIR
done
echo "There is no room on this node, neither for a file of 50 kB in /tmp nor in /dev/shm." >&2
exit {no_room}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNetwork:
    """How the agents of one cluster and this portal reach each other.

    `listen` is the address that agents bind, `ports` the inclusive range of theirs (None: any free one), `interface` the name
    or network of an interface in place of `listen`. `portal` is the URL of the agents listener as nodes see it; "": as this
    portal sees it. `hub` is where agents connect out to (host:port); "": the gateway comes to them. `give_up` is how many
    seconds an agent tries to reach the portal.
    """

    listen: str = "127.0.0.1"
    ports: tuple[int, int] | None = None
    interface: str = ""
    portal: str = ""
    hub: str = ""
    give_up: float = 600.0


class AgentScripts:
    """Renders job scripts. `agents_url` is asked each time: the gateway knows its port only when it runs."""

    def __init__(
        self,
        *,
        agents_url: Callable[[], str],
        agents_ca: str,
        networks: Mapping[str, AgentNetwork] | None = None,
        python: str = "",
    ) -> None:
        self._agents_url = agents_url
        self._agents_ca = agents_ca
        self._networks = networks or {}
        self._pythons = (python, *PYTHONS) if python else PYTHONS

    def render(self, token: Secret, cluster: str) -> JobScript:
        """The script for the run that `token` enrols on this cluster, and the same as it may be shown."""
        network = self._networks.get(cluster, AgentNetwork())
        return JobScript(
            script=Secret(self._script(network, token.reveal(), bundle())),
            shown=self._script(network, "<enrolment token>", SHOWN_BUNDLE),
        )

    def examination(self, token: Secret, cluster: str) -> Secret:
        """The script of a job that looks at its node as an agent would, and says what it finds (agent/examine.py)."""
        network = self._networks.get(cluster, AgentNetwork())
        text = self._script(network, token.reveal(), bundle(examination=True))
        return Secret(text.replace(RUN_AGENT, RUN_EXAMINATION))

    def _script(self, network: AgentNetwork, token: str, packed: str) -> str:
        config = wire_config.AgentConfig(
            portal=network.portal or self._agents_url(),
            portal_ca=self._agents_ca,
            token=token,
            listen=network.listen,
            ports=network.ports,
            interface=network.interface,
            give_up=network.give_up,
            hub=network.hub,
        )
        return SCRIPT.format(
            pythons=" ".join(self._pythons),
            umask=umask.NAME,
            no_python=EXIT_NO_PYTHON,
            no_room=EXIT_NO_ROOM,
            loader=LOADER,
            config=wire_config.dump(config),
            bundle=packed,
        )


@functools.cache
def bundle(*, examination: bool = False) -> str:
    """All sources of agent and wire (sources.packed), compressed, in base64; for an examination those of `node` too."""
    text = sources.packed("wire", "agent", "node") if examination else sources.packed("wire", "agent", without=EXAMINATION)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()
