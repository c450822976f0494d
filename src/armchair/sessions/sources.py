"""What of Armchair travels to nodes, where nothing of it is installed: sources, and how Python imports them there."""

import functools
import json
from importlib import resources

Sources = dict[str, tuple[bool, str]]

# Python 3.6, for where `sources` is a dictionary as below and importlib.machinery and sys are imported. The agent's is part of
# an argument in single quotes, so it contains none. `get_source` is where tracebacks find the text. What importlib offers for
# such finders is not used: its import takes longer than all the rest here.
FINDER = """\
class Packed:
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return importlib.machinery.ModuleSpec(name, self, is_package=sources[name][0])
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(sources[name][1], "<packed>/" + name, "exec", dont_inherit=True), module.__dict__)
    def get_source(self, name):
        return sources[name][1]
sys.meta_path.insert(0, Packed())
"""


@functools.cache
def packed(*packages: str, without: str = "") -> str:
    """The sources of these packages of armchair, and no module named `without`, as JSON `{module: [is_package, source]}`."""
    found: Sources = {"armchair": (True, "")}
    for package in packages:
        _collect(resources.files(f"armchair.{package}"), f"armchair.{package}", without, found)
    return json.dumps(found)


def _collect(directory: resources.abc.Traversable, package: str, without: str, found: Sources) -> None:
    for entry in sorted(directory.iterdir(), key=lambda one: one.name):
        stem = entry.name.removesuffix(".py")
        if entry.is_dir() and not entry.name.startswith("__"):
            _collect(entry, f"{package}.{entry.name}", without, found)
        elif entry.name.endswith(".py") and stem != without:
            found[package if stem == "__init__" else f"{package}.{stem}"] = (stem == "__init__", entry.read_text("utf-8"))
