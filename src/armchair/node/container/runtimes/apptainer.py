"""Apptainer, the successor of Singularity: https://apptainer.org/docs/user/latest/."""

from typing import Dict, List, Tuple

from armchair.node.container import supervise
from armchair.node.container.box import Bind, Box
from armchair.node.container.runtimes.base import DIRECTORIES, Runtime, Start, bind_words

# each of the two reads the other's variables too
_PREFIXES = ("APPTAINERENV_", "SINGULARITYENV_")
# Apptainer stands beside the program and hands every signal on to what it started, which gets it from the group as well: so
# that is a shell that does nothing at signals, and the program below it gets each one once
_ONCE = 'trap : %s; "$@"; exit $?' % " ".join(one.name[len("SIG") :] for one in supervise.LEFT_TO_THE_PROGRAM)


class Apptainer(Runtime):
    """Runs SIF, squashfs and directories by itself, with what its own configuration adds (bind paths of the site, say)."""

    name = "apptainer"
    programs: Tuple[str, ...] = ("apptainer",)
    kinds = DIRECTORIES
    gpus = True
    prefix = "APPTAINER"

    def start(self, program: str, box: Box, outside: Dict[str, str]) -> Start:
        """`exec`, not `run`: an image's own start script knows nothing of the session."""
        home = box.environment["HOME"]
        # the node's /var/tmp and the directory of the start, which may be a home that is not to be seen, come unasked otherwise
        argv = [program, "--quiet", "exec", "--cleanenv", "--no-mount", "tmp,cwd", "--home", home, "--pwd", box.directory]
        argv += ["--nv"] if box.nv else []
        argv += _binds(box._replace(binds=tuple(one for one in box.binds if one != Bind(home, home, True))))
        # --env would show the values to everybody and takes a comma for the end of one
        environment = {name: text for name, text in outside.items() if not name.startswith(_PREFIXES)}
        environment.update({"%sENV_%s" % (self.prefix, name): text for name, text in box.environment.items() if name != "HOME"})
        # a value is a value: without this, $ and ` in it are the shell's
        environment[self.prefix + "_NO_EVAL"] = "1"
        return Start((*argv, box.root, "/bin/sh", "-c", _ONCE, "sh", *box.command), environment)


def _binds(box: Box) -> List[str]:
    return [word for words in bind_words(box) for word in ("--bind", words.replace(",", "\\,"))]
