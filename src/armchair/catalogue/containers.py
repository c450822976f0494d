"""Applications in containers: what their app.toml says, what the node is told, and which runtime must be there."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from armchair.catalogue.binds import parse_bind
from armchair.catalogue.problems import Report
from armchair.catalogue.requirements import install
from armchair.catalogue.schema import AppFile
from armchair.catalogue.settings import ContainersSettings
from armchair.domain.application import Application, Container, Missing, Plan
from armchair.domain.forms.fields import Field, FieldType
from armchair.node.container.box import FILE
from armchair.node.container.runtimes.known import RUNTIMES
from armchair.wire.runspec import SpecFile

PROGRAM = "container"
# Debian's packages of the runtimes, the smallest first: they make the cure where none is installed
PACKAGES = {
    "bubblewrap": ("bubblewrap", "squashfuse"),
    "charliecloud": ("charliecloud-runtime", "squashfuse"),
    "podman": ("podman",),
    "apptainer": ("apptainer",),
    "singularity": ("singularity-container",),
}


class Surroundings(NamedTuple):
    """What stands around a program: words before its command, programs of the node that they name, and files for those."""

    prefix: tuple[str, ...] = ()
    display_prefix: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    files: tuple[SpecFile, ...] = ()


NOTHING = Surroundings()


def build(table: AppFile, fields: Sequence[Field], report: Report) -> Container | None:
    """The application's container; None without one. What does not fit together goes into the report."""
    given = table.container
    if not given.model_fields_set:
        return None
    if bool(given.image) == bool(given.field):
        report.add(("container",), "A container has an image, or a field whose answer is one.")
    field = next((field for field in fields if field.name == given.field), None)
    if given.field and (field is None or field.type not in {FieldType.TEXT, FieldType.CHOICE}):
        report.add(("container", "field"), f"There is no text or choice field {given.field}.")
    if table.kit:
        report.add(("kit",), "A program in a container has no kit: what it needs is in its image.")
    if given.display == "inside" and table.type == "web":
        report.add(("container", "display"), "A web application has no display.")
    return Container(
        image=given.image,
        image_field=given.field,
        runtime=given.runtime,
        binds=given.binds,
        home=given.home,
        nv=given.nv,
        display_inside=given.display == "inside",
    )


def surroundings(application: Application, plan: Plan, settings: ContainersSettings) -> Surroundings:
    """What stands around the program of this application; nothing for one without a container."""
    container = application.container
    if container is None:
        return NOTHING
    rows = [*((bind, "must") for bind in container.binds), *((bind, "may") for bind in settings.binds)]
    binds = [
        [bind.source, bind.target, "rw" if bind.writable else "ro", need] for text, need in rows if (bind := parse_bind(text))
    ]
    wish = {
        "image": image(container, plan),
        "runtimes": runtimes(container, settings),
        "binds": binds,
        "home": container.home and settings.home,
        "nv": container.nv,
        "environment": sorted({*application.environment, *plan.environment}),
    }
    inside = (PROGRAM,) if container.display_inside else ()
    return Surroundings((PROGRAM,), inside, (PROGRAM,), (SpecFile(FILE, json.dumps(wish), 0o600),))


def image(container: Container, plan: Plan) -> str:
    """The path of the image that these answers lead to."""
    return container.image or str(plan.answers.get(container.image_field, "")).strip()


def runtimes(container: Container, settings: ContainersSettings) -> tuple[str, ...]:
    """The runtimes that may run it, in the order in which they are tried."""
    return (container.runtime,) if container.runtime else settings.runtimes


def missing(application: Application, settings: ContainersSettings) -> tuple[Missing, ...]:
    """The runtime that this machine lacks, if it has none that the application may have."""
    if application.container is None:
        return ()
    names = runtimes(application.container, settings)
    if any(RUNTIMES[name].find() for name in names):
        return ()
    packages = next(found for name, found in PACKAGES.items() if name in names)
    return (Missing(what=f"a container runtime ({', '.join(names)})", cure=install(packages)),)
