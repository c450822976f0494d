"""The environment inside: made anew from what the session says, as variables of the node lead programs of an image astray."""

import os
import re
from typing import Dict, List, Sequence, Tuple

from armchair.node.container import within

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# of the job's own environment: who and where one is, the display, the language, and what the scheduler gave the job
KEPT = frozenset(
    {
        *("USER", "LOGNAME", "TERM", "TZ", "LANG", "LANGUAGE", "DISPLAY", "XAUTHORITY", "PULSE_SERVER", "PULSE_COOKIE"),
        *(
            "CUDA_VISIBLE_DEVICES",
            "NVIDIA_VISIBLE_DEVICES",
            "ROCR_VISIBLE_DEVICES",
            "HIP_VISIBLE_DEVICES",
            "GPU_DEVICE_ORDINAL",
        ),
        *("XDG_SESSION_TYPE", "NO_AT_BRIDGE", "DISABLE_IMSETTINGS", "GTK_IM_MODULE", "QT_IM_MODULE", "XMODIFIERS"),
        *("ZE_AFFINITY_MASK", "OMP_NUM_THREADS", "OMP_PLACES", "OMP_PROC_BIND"),
    }
)
KEPT_PREFIXES = ("ARMCHAIR_", "SLURM_", "LC_", "XPRA_")
# images made from Docker's or by Apptainer say here what their programs need
_CHARLIECLOUD = "/ch/environment"
_SINGULARITY = ".singularity.d/env"
_ENTER = 'for file in /.singularity.d/env/*.sh; do [ -r "$file" ] && . "$file"; done; '
_LINKER, _LATER = re.compile(r"LD_[A-Z0-9_]+\Z"), "ARMCHAIR_LATER_"


def inside(outside: Dict[str, str], names: Sequence[str], home: str, private: str) -> Dict[str, str]:
    """What goes inside: `names`, what is always kept, and a home, shell and PATH that hold in any image."""
    kept = {name: text for name, text in outside.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    kept.update({name: outside[name] for name in names if name in outside})
    runtime = outside.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith(private + "/"):
        kept["XDG_RUNTIME_DIR"] = runtime
    kept.update({"HOME": home, "SHELL": "/bin/sh"})
    kept.setdefault("USER", outside.get("LOGNAME", "") or str(os.getuid()))
    return kept


def of_image(root: str, environment: Dict[str, str], outside: Dict[str, str], names: Sequence[str]) -> Dict[str, str]:
    """The same for a runtime that takes a directory as it stands: with the variables that the image itself brings."""
    whole = {"PATH": PATH}
    whole.update(_variables(within.lines(root, _CHARLIECLOUD)))
    whole.update(environment)
    if "PATH" in names:
        whole["PATH"] = outside.get("PATH", PATH)
    return whole


def handed_on(root: str, argv: Sequence[str], inside: Dict[str, str]) -> Tuple[List[str], Dict[str, str]]:
    """The command, and the environment for a runtime that takes a directory as it stands and hands its own environment on.

    Before the command come the scripts that an image made by Apptainer or Singularity has for its environment. What tells the
    dynamic linker to load something (LD_PRELOAD) has another name until then, or an image's code would run in the runtime,
    outside.
    """
    linker = sorted(name for name in inside if _LINKER.match(name))
    script = "".join('export %s="$%s%s"; unset %s%s; ' % (name, _LATER, name, _LATER, name) for name in linker)
    if os.path.isdir(os.path.join(root, _SINGULARITY)):
        script += _ENTER
    command = ["/bin/sh", "-c", script + 'exec "$@"', "sh"] if script else []
    environment = {name: text for name, text in inside.items() if not name.startswith("LD_")}
    environment.update({_LATER + name: inside[name] for name in linker})
    return command + list(argv), environment


def _variables(lines: Sequence[str]) -> Dict[str, str]:
    found = {}
    for line in lines:
        name, equals, text = line.partition("=")
        if equals and name.replace("_", "a").isalnum():
            found[name] = text
    return found
