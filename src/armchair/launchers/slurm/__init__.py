"""Jobs on a Slurm cluster, through Slurm's own commands."""

from armchair.launchers.slurm.create import create
from armchair.launchers.slurm.launcher import SlurmLauncher

__all__ = ["SlurmLauncher", "create"]
