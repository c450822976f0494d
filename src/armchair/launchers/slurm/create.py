"""Makes the launcher of one cluster from its settings."""

from armchair.launchers.registry import LauncherContext
from armchair.launchers.slurm.door import DirectDoor
from armchair.launchers.slurm.launcher import SlurmLauncher
from armchair.launchers.slurm.settings import SlurmSettings


def create(context: LauncherContext) -> SlurmLauncher:
    """The launcher, acting by the door it is given, or as this process's own account.

    Raises pydantic's ValidationError for wrong settings.
    """
    settings = SlurmSettings.model_validate(context.settings)
    door = context.door or DirectDoor(bin_directory=settings.bin_directory, slurm_conf=settings.slurm_conf)
    return SlurmLauncher(name=context.name, settings=settings, door=door)
