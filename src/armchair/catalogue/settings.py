"""Settings of the catalogue: where applications and kits are, and what applications may do."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from armchair.catalogue.binds import parse_bind


class ContainersSettings(BaseModel):
    """Use case: a site keeps images in one place, gives scratch to all containers, and says which runtimes it looks after."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[str, ...] = Field(
        default=(),
        description="Paths of the site's images, which people may name in a form: `/opt/images/*.sif`. `*` is within a name, "
        "`**` any number of directories.",
    )
    own_images: bool = Field(
        default=True,
        description="Allow people to name other images than these. It is a rule for what the site helps with, not a fence: in "
        "a container the program has the rights of the person, as it has without one.",
    )
    runtimes: tuple[Literal["apptainer", "singularity", "podman", "charliecloud", "bubblewrap"], ...] = Field(
        default=("apptainer", "singularity", "podman", "charliecloud", "bubblewrap"),
        min_length=1,
        description="Container runtimes in the order in which nodes try them: the first that is there and runs the image.",
    )
    binds: tuple[str, ...] = Field(
        default=(),
        description="What all containers see where a node has it, such as `/scratch` or `/data:/data:ro`; `$USER` and `~` are "
        "the node's. `/tmp` and the session's own files are always seen.",
    )
    home: bool = Field(
        default=True,
        description="Show people's homes in containers. Otherwise programs there begin with an empty home each time.",
    )

    @field_validator("binds")
    @classmethod
    def _binds(cls, binds: tuple[str, ...]) -> tuple[str, ...]:
        bad = [text for text in binds if parse_bind(text) is None]
        if bad:
            raise ValueError(f"{bad[0]} is no bind; write /data, /data:/mnt or /data:/mnt:ro")
        return binds


class CatalogueSettings(BaseModel):
    """Use case: a site adds its applications in directories of its own, and shares one set of kits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directories: tuple[Path, ...] = Field(
        default=(),
        description="Directories of applications, each holding one directory per application. An application here replaces "
        "the one of the same name that comes with Armchair or stands in an earlier directory.",
    )
    kits_directory: Path | None = Field(
        default=None,
        description="Where kits (Python environments for applications) are installed. Nodes must see it under the same path. "
        "Empty: `kits` under the portal's home.",
    )
    allow_open_loopback_ports: bool = Field(
        default=False,
        description="Allow applications whose TCP port on the node's loopback is open to every user of that node. Right only "
        "where each node has one user at a time, or where the application asks for a secret itself.",
    )
    containers: ContainersSettings = Field(default_factory=ContainersSettings, description="Applications in containers.")
