"""Container runtimes that Debian 12 lacks: they are tested where somebody has installed them."""

import shutil

INSTALLED = tuple(name for name in ("apptainer", "singularity") if shutil.which(name))
