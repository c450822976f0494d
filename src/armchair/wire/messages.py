"""What agent and portal say to each other over HTTPS: JSON bodies, bounded and checked on arrival (I11).

    POST /agent/v1/enrol      Authorization: Bearer <enrolment token>     EnrolRequest → EnrolAnswer
    POST /agent/v1/report     Authorization: Bearer <credential>          Report → {}
    GET  /agent/v1/commands?after=N&wait=SECONDS   Bearer <credential>    → {"commands": [Command…]}

Status: 401 the token or credential is not good (final); 409 not yet (the portal has not recorded the job: ask again soon);
410 the run is over (final: stop the application and go); 413, 422 the body is too large or malformed (final for this
body); 429 and 5xx: ask again.

Enrolment token and credential name their run in the clear: `<session>-<attempt>.<restart>.<kind>.<hmac>`, where kind is
`e` or `c` and hmac is unpadded base64url. The portal derives them and stores neither.
"""

from typing import NamedTuple, Optional, Tuple

API = "/agent/v1"
MAX_ENROL = 4 * 1024
# a tail of control characters takes six bytes of JSON for each of its own
MAX_REPORT = 512 * 1024
LOG_TAIL = 64 * 1024
REPORT_EVERY = 15.0
COMMAND_WAIT = 25.0

# Exit codes of the job script before there is an application. The launcher hands them on; the portal has words for them.
EXIT_NO_ROOM = 94
EXIT_NO_INTERFACE = 95
EXIT_NO_PORT = 96
EXIT_NO_PYTHON = 97
EXIT_NO_PORTAL = 98
EXIT_REFUSED = 99


class EnrolRequest(NamedTuple):
    """First word of an agent: where it listens, its Python's version text and the node's own name for itself.

    `nonce` is random text (32 hex digits) that the agent keeps for its life: with it, and only with it, an enrolment whose
    answer was lost may be repeated.
    """

    port: int
    python: str
    node: str
    nonce: str
    version: int = 2


class EnrolAnswer(NamedTuple):
    """What an admitted agent gets: PEM texts, its credential for reports and commands, and the RunSpec as JSON text."""

    certificate: str
    key: str
    gateway_ca: str
    credential: str
    spec: str
    version: int = 1


class End(NamedTuple):
    """How the application ended.

    `kind` is "" or "out_of_memory" | "cancelled"; `detail` a code such as "disk_full", "not_executable".
    """

    exit_code: Optional[int]
    signal: Optional[int]
    kind: str
    detail: str
    message: str


class Activity(NamedTuple):
    """What an agent saw of the session's use in one window of about a minute; None: it could not tell.

    `input`: bytes from the browser, `cpu` in cores, `gpu` the share of the job's GPUs, from 0 to 1, `busy`: the application
    says that it computes, or jobs that it started are awaited.
    """

    input: int
    cpu: float
    gpu: Optional[float]
    busy: Optional[bool]


class Report(NamedTuple):
    """What changed since the last report; sent on change and every REPORT_EVERY seconds. `seq` grows by one each time.

    `log` is the last LOG_TAIL bytes of the output, decoded with replacement, or None when unchanged.
    `cpu` is in cores since the last report, `memory` the PSS of the tree in bytes, `gpu` the last known share of its GPUs.
    `activity` comes once a window. `warned`: the scheduler's signal before the end has come. Both are absent in version 1.
    """

    seq: int
    ready: bool
    cpu: float
    memory: int
    log: Optional[str]
    end: Optional[End]
    gpu: Optional[float] = None
    activity: Optional[Activity] = None
    warned: bool = False
    version: int = 2


class Command(NamedTuple):
    """What the portal wants of an agent. `number` grows; verbs that an agent does not know are passed over.

    "stop" (with the RunSpec's grace), "kill", "report", "warn": the time is over soon, at `ends_at` (seconds since 1970).
    """

    number: int
    verb: str
    ends_at: Optional[float] = None


Commands = Tuple[Command, ...]
