"""SingularityCE and its elders: Apptainer's twin, with variables of another name."""

from armchair.node.container.runtimes.apptainer import Apptainer


class Singularity(Apptainer):
    """The same by the older name; where both are installed, `singularity` is often a link to Apptainer."""

    name = "singularity"
    programs = ("singularity",)
    prefix = "SINGULARITY"
