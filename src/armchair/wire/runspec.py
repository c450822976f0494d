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
    listen) and, for TCP, ARMCHAIR_PORT.
    `transport` is "unix", "tcp_isolated" or "tcp_loopback". Ready is when a GET of `ready_path` on the application
    answers with a status in one of `ready_statuses` (inclusive pairs). `host` is the Host header of that GET.
    On stop: `stop_signal` ("TERM") to the application's process group, KILL after `stop_grace` seconds.
    `log_directory` may start with `~`; the application's output goes to `<log_directory>/log` there.
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
    version: int = VERSION


def dump(spec: RunSpec) -> str:
    """The RunSpec as JSON text."""
    data = spec._asdict()
    data["files"] = [file._asdict() for file in spec.files]
    return json.dumps(dict(data), sort_keys=True)


def load(text: str) -> RunSpec:
    """The RunSpec in this JSON text. Raises ValueError with a sentence when it is not one of this version."""
    data: Dict[str, Any] = json.loads(text)
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ValueError("not a RunSpec of version %d" % VERSION)
    unknown = sorted(set(data) - set(RunSpec._fields))
    missing = sorted(set(RunSpec._fields) - set(data))
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
    data["ready_statuses"] = tuple((int(low), int(high)) for low, high in data["ready_statuses"])
    return RunSpec(**data)
