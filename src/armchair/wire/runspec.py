"""RunSpec: what an agent is told to run. One JSON document, versioned; the agent knows no application."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

VERSION = 1


class SpecFile(NamedTuple):
    """A file that the agent writes into the run's private directory before the start. `name` has no slash."""

    name: str
    content: str
    mode: int


class RunSpec(NamedTuple):
    """What to run and when it counts as ready.

    The agent makes a private directory (0700), writes `files` there and runs `argv` with `directory` as the working
    directory; a first element without a slash that names one of `files` is that file. `environment` is added to the job's own
    environment, to which the agent adds ARMCHAIR_DIR (the private directory), ARMCHAIR_SOCKET (where the application is to
    listen), ARMCHAIR_AGENT_PYTHON (a Python 3.6 or newer of this node) and, for TCP, ARMCHAIR_PORT.
    `transport` is "unix", "tcp_isolated" or "tcp_loopback". Ready is when a GET of `ready_path` on the application
    answers with a status in one of `ready_statuses` (inclusive pairs). `host` is the Host header of that GET.
    On stop: `stop_signal` ("TERM") to the application's process group, KILL after `stop_grace` seconds.
    `log_directory` may start with `~`; the application's output goes to `<log_directory>/log` there.
    `warning_signal` goes to the application's process group when the end of its time is near ("": none); what is known of it
    stands in `ends.json` in ARMCHAIR_DIR then. `activity` is the argv of a script that prints `busy` or `idle`.
    The run is over when argv's process ends, whatever it left behind. `memory` in bytes: None when the launcher enforces it.
    """

    argv: Tuple[str, ...]
    environment: Dict[str, str]
    unset: Tuple[str, ...]
    directory: str
    files: Tuple[SpecFile, ...]
    transport: str
    host: str
    ready_path: str
    ready_statuses: Tuple[Tuple[int, int], ...]
    stop_signal: str
    stop_grace: float
    log_directory: str
    memory: Optional[int]
    warning_signal: str = ""
    activity: Tuple[str, ...] = ()
    version: int = VERSION


# keys that agents of version 1 of the messages do not know
LATER: Dict[str, Any] = {"warning_signal": "", "activity": ()}


def for_agent(spec: RunSpec, version: int) -> RunSpec:
    """The RunSpec as far as an agent that speaks this version of the messages understands it."""
    return spec if version > 1 else spec._replace(**LATER)


def dump(spec: RunSpec) -> str:
    """The RunSpec as JSON text. Keys that came later are left out while they say nothing: queued jobs have older agents."""
    data = {key: value for key, value in spec._asdict().items() if key not in LATER or value != LATER[key]}
    data["files"] = [file._asdict() for file in spec.files]
    return json.dumps(dict(data), sort_keys=True)


def load(text: str) -> RunSpec:
    """The RunSpec in this JSON text. Raises ValueError with a sentence when it is not one of this version."""
    data: Dict[str, Any] = json.loads(text)
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ValueError("not a RunSpec of version %d" % VERSION)
    unknown = sorted(set(data) - set(RunSpec._fields))
    missing = sorted(set(RunSpec._fields) - set(data) - set(LATER))
    if unknown or missing:
        raise ValueError("RunSpec with unknown keys %s and without %s" % (unknown, missing))
    files: List[SpecFile] = []
    for file in data["files"]:
        if "/" in file["name"] or file["name"] in ("", ".", ".."):
            raise ValueError("a RunSpec's file name must have no slash: %r" % file["name"])
        files.append(SpecFile(file["name"], file["content"], int(file["mode"])))
    data["files"] = tuple(files)
    data["argv"] = tuple(data["argv"])
    data["unset"] = tuple(data["unset"])
    data["activity"] = tuple(data.get("activity", ()))
    data["ready_statuses"] = tuple((int(low), int(high)) for low, high in data["ready_statuses"])
    return RunSpec(**data)
