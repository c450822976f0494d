"""Settings of the catalogue: where applications and kits are, and what applications may do."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


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
        "Default: `kits` under the portal's home.",
    )
    allow_open_loopback_ports: bool = Field(
        default=False,
        description="Allow applications whose TCP port on the node's loopback is open to every user of that node. Right only "
        "where each node has one user at a time, or where the application asks for a secret itself.",
    )
