"""The settings of the hub."""

from pydantic import BaseModel, ConfigDict, Field


class HubSettings(BaseModel):
    """Where agents connect out to, for clusters whose nodes the gateway can't reach (`reach = "hub"`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str = Field(
        default="",
        description='Where agents of clusters with `reach = "hub"` connect: ADDRESS:PORT that all their nodes can open. '
        "Empty: there is no hub.",
    )
    address: str = Field(
        default="",
        description="The same as nodes see it, ADDRESS:PORT, if it differs. Empty: `listen`, or when that is all addresses "
        "the first of `gateway.agents_names` with its port.",
    )
    port: int = Field(
        default=7444,
        ge=1,
        le=65535,
        description="The port on this machine's loopback addresses (127.64.0.0/10) at which the gateway finds the hub.",
    )
