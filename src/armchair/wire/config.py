"""What a job script hands to its agent on standard input, as one JSON line: where to call and where to listen."""

import hashlib
import json
from typing import List, NamedTuple, Optional, Tuple

VERSION = 2


class AgentConfig(NamedTuple):
    """The agent's configuration. It holds a secret (`token`), so it travels on standard input only.

    `portal` is "https://ADDRESS:PORT" of the agents listener, whose certificate must be signed by `portal_ca` (PEM).
    The agent listens on `listen` with a port of `ports` (inclusive range; None: any free one). `interface`, a name or a network
    like "10.1.0.0/16", is looked up on the node and takes the place of `listen`. `give_up` is how many seconds it tries to
    enrol before it ends the job. `hub` is "ADDRESS:PORT" to connect out to; "": the gateway comes to the agent.
    """

    portal: str
    portal_ca: str
    token: str
    listen: str = "127.0.0.1"
    ports: Optional[Tuple[int, int]] = None
    interface: str = ""
    give_up: float = 600.0
    hub: str = ""
    version: int = VERSION


def dump(config: AgentConfig) -> str:
    """The configuration as one line of JSON."""
    return json.dumps(dict(config._asdict()))


def load(line: str) -> AgentConfig:
    """The configuration in this line. Raises ValueError when it is not one."""
    data = json.loads(line)
    fields = set(AgentConfig._fields)
    if not isinstance(data, dict) or set(data) != fields:
        raise ValueError("not an agent's configuration")
    ports: List[int] = data["ports"] or []
    data["ports"] = (int(ports[0]), int(ports[1])) if ports else None
    return AgentConfig(**data)


def examination_mark(token: str) -> str:
    """What the examination with this token puts before its findings; it gives the token away to nobody."""
    return hashlib.sha256(b"examination " + token.encode()).hexdigest()[:32]
