"""All runtimes, and which of them runs an image on this node."""

from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from armchair.node.container import kernel, stage
from armchair.node.container.image import Image
from armchair.node.container.runtimes.apptainer import Apptainer
from armchair.node.container.runtimes.base import Runtime
from armchair.node.container.runtimes.bubblewrap import Bubblewrap
from armchair.node.container.runtimes.charliecloud import Charliecloud
from armchair.node.container.runtimes.podman import Podman
from armchair.node.container.runtimes.singularity import Singularity
from armchair.wire.trouble import Trouble

ORDER = (Apptainer(), Singularity(), Podman(), Charliecloud(), Bubblewrap())
RUNTIMES: Dict[str, Runtime] = {runtime.name: runtime for runtime in ORDER}


class Weighed(NamedTuple):
    """A runtime that may be taken: the path of its program ("" when this node has none), and why it can't run the image.

    `reason` is "" when it can. `code` is that of the trouble that the reason makes.
    """

    runtime: Runtime
    program: str
    reason: str
    code: str


def weigh(
    image: Image, names: Sequence[str], nv: bool, namespaces: Callable[[], bool] = kernel.user_namespaces
) -> Iterator[Weighed]:
    """Each of `names` (all when there are none) that is known, in this order."""
    for name in names or tuple(RUNTIMES):
        runtime = RUNTIMES.get(name)
        if runtime is None:
            continue
        program = runtime.find()
        reason, code = _reason(runtime, program, image, nv), "no_runtime"
        if not reason and runtime.namespaces and not namespaces():
            reason, code = "needs user namespaces, which this node does not give", "no_namespaces"
        yield Weighed(runtime, program, reason, code)


def choose(
    image: Image, names: Sequence[str], nv: bool, namespaces: Callable[[], bool] = kernel.user_namespaces
) -> Tuple[Runtime, str]:
    """The first of `names` (all when there are none) that this node has and that runs the image, and its program's path.

    Raises Trouble: no_runtime or no_namespaces, with a message that says of each why not.
    """
    refused: List[Weighed] = []
    for one in weigh(image, names, nv, namespaces):
        if not one.reason:
            return one.runtime, one.program
        refused.append(one)
    code = "no_namespaces" if any(one.code == "no_namespaces" for one in refused) else "no_runtime"
    reasons = "; ".join("%s %s" % (one.runtime.name, one.reason) for one in refused)
    raise Trouble(code, "This node can't run the image %s (%s): %s." % (image.path, image.kind, reasons or "none known"))


def _reason(runtime: Runtime, program: str, image: Image, nv: bool) -> str:
    """Why it can't run the image; "" when it can."""
    if not program:
        return "is not installed"
    if image.kind not in runtime.kinds:
        return "does not run such images"
    if nv and not runtime.gpus:
        return "can't hand over NVIDIA's GPUs"
    if runtime.unpacked and image.kind == "sif" and not image.offset:
        return "does not run encrypted images or others than squashfs"
    if runtime.unpacked and image.kind != "directory":
        return stage.cannot_mount()
    return ""
