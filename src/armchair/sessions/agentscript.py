"""The job script: a few lines of POSIX shell that find a Python and give it the whole agent on standard input.

Nothing of Armchair needs to be installed on the node. No text of a person gets into the script, and its secret stands only
in the here-document, so it is in no argument list and no environment.
"""

import base64
import functools
import json
import zlib
from collections.abc import Callable
from importlib import resources

from armchair.domain.secret import Secret
from armchair.sessions.ports import JobScript
from armchair.wire import config as wire_config
from armchair.wire.messages import EXIT_NO_PYTHON

SHOWN_BUNDLE = "<the agent, packed>"
PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(14, 5, -1)), "/usr/bin/python3", "/usr/libexec/platform-python")

# Reads two lines: the configuration and the packed sources; then runs the agent with the configuration. It must fit one
# argument, be readable by Python 3.6 and contain no single quote. `get_source` is where tracebacks find the text. What
# importlib offers for such finders is not used: its import takes longer than all the rest here.
LOADER = """
import base64, importlib.machinery, json, sys, zlib
line = sys.stdin.readline()
sources = json.loads(zlib.decompress(base64.b64decode(sys.stdin.readline())).decode())
class Packed:
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return importlib.machinery.ModuleSpec(name, self, is_package=sources[name][0])
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(sources[name][1], "<agent>/" + name, "exec", dont_inherit=True), module.__dict__)
    def get_source(self, name):
        return sources[name][1]
sys.meta_path.insert(0, Packed())
from armchair.agent.main import main
sys.exit(main(line))
"""

SCRIPT = """#!/bin/sh
# Armchair: this job runs one interactive session. It looks for a Python and hands it the agent, which calls the portal,
# learns what to start, and lets the portal's gateway in.
umask 077
python=
for candidate in {pythons}; do
  if command -v "$candidate" >/dev/null 2>&1 &&
    "$candidate" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "This node has no Python 3.6 or newer (looked for: {pythons})." >&2
  echo "Ask the help desk to install one, or choose another partition." >&2
  exit {no_python}
fi
exec "$python" -I -S -B -c '{loader}' <<'ARMCHAIR'
{config}
{bundle}
ARMCHAIR
"""


class AgentScripts:
    """Renders job scripts. `agents_url` is asked each time: the gateway knows its port only when it runs."""

    def __init__(
        self,
        *,
        agents_url: Callable[[], str],
        agents_ca: str,
        listen: str = "127.0.0.1",
        ports: tuple[int, int] | None = None,
        python: str = "",
    ) -> None:
        self._agents_url = agents_url
        self._agents_ca = agents_ca
        self._listen = listen
        self._ports = ports
        self._pythons = (python, *PYTHONS) if python else PYTHONS

    def render(self, token: Secret) -> JobScript:
        """The script for the run that `token` enrols, and the same as it may be shown."""
        return JobScript(
            script=Secret(self._script(token.reveal(), bundle())), shown=self._script("<enrolment token>", SHOWN_BUNDLE)
        )

    def _script(self, token: str, packed: str) -> str:
        config = wire_config.AgentConfig(
            portal=self._agents_url(), portal_ca=self._agents_ca, token=token, listen=self._listen, ports=self._ports
        )
        return SCRIPT.format(
            pythons=" ".join(self._pythons),
            no_python=EXIT_NO_PYTHON,
            loader=LOADER,
            config=wire_config.dump(config),
            bundle=packed,
        )


@functools.cache
def bundle() -> str:
    """All sources of agent and wire, packed: base64 of zlib of JSON `{module: [is_package, source]}`."""
    sources: dict[str, tuple[bool, str]] = {"armchair": (True, "")}
    for package in ("wire", "agent"):
        for file in sorted(resources.files(f"armchair.{package}").iterdir(), key=lambda entry: entry.name):
            if not file.name.endswith(".py"):
                continue
            stem = file.name.removesuffix(".py")
            name = f"armchair.{package}" if stem == "__init__" else f"armchair.{package}.{stem}"
            sources[name] = (stem == "__init__", file.read_text("utf-8"))
    return base64.b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()
