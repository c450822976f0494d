"""What can be set for the local launcher."""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class MemoryEnforcement(StrEnum):
    """Whether a job that takes more memory than it asked for is ended."""

    AUTO = "auto"
    OFF = "off"


class LocalSettings(BaseModel):
    """Settings of the local launcher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grace: timedelta = Field(
        default=timedelta(seconds=15),
        ge=timedelta(0),
        le=timedelta(hours=1),
        description="How long a job may take to end by itself after it was asked to, before it is killed. "
        "Longer for applications that write large files when they end.",
    )
    memory: MemoryEnforcement = Field(
        default=MemoryEnforcement.AUTO,
        description="'auto' ends a job that takes more memory than it asked for; 'off' does not, for a machine of one's own "
        "where the sizes are only a hint.",
    )
    cgroup: str = Field(
        default="",
        description="A delegated cgroup (version 2) directory in which jobs get groups of their own, so that the kernel "
        "enforces the memory. Empty: the group that the portal is in, when it is delegated; otherwise memory is counted.",
    )
    environment: dict[str, str] = Field(
        default_factory=dict,
        description="Environment variables that each job gets, such as a proxy's address. Jobs see nothing else of the "
        "portal's environment.",
    )
    path: str = Field(
        default="",
        description="The PATH of jobs. Empty: the usual one of a login, with ~/.local/bin and ~/bin in front where they exist. "
        "For a machine whose tools are installed elsewhere.",
    )
