"""Applications in containers: their definition, what the node is told, and images that are refused before a session starts."""

import asyncio
import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from armchair.catalogue import containers, images
from armchair.catalogue.binds import parse_bind
from armchair.catalogue.check import check
from armchair.catalogue.images import Images, allowed
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings, ContainersSettings
from armchair.domain.application import Application
from armchair.domain.errors import FieldError, InvalidInput
from armchair.domain.forms.plan import plan
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec
from armchair.wire.trouble import Trouble
from armchair.words import field_error

FIELD = '[[fields]]\nname = "image"\ntype = "text"\nlabel = "Image"\n'
TEXT = '[container]\nimage = "/opt/i.sif"\n'


def application(make: Any, extra: str, **settings: Any) -> tuple[DirectoryCatalogue, Application]:
    directory = make(extra)
    found = DirectoryCatalogue(
        CatalogueSettings(directories=(directory.parent,), containers=ContainersSettings(**settings)), directory.parent
    )
    return found, found.get("demo")


def spec(make: Any, extra: str, answers: dict[str, object] | None = None, **settings: Any) -> RunSpec:
    found, app = application(make, extra, **settings)
    context = SpecContext(session="s", number=1, attempt=1, user="ann", url="http://x", state_directory="~/s")
    return found.spec(app, plan(app, "", answers or {}, ""), context)


def wish(made: RunSpec) -> Any:
    return json.loads(next(file.content for file in made.files if file.name == "container.json"))


@pytest.mark.parametrize(
    ("extra", "key", "words"),
    [
        ("[container]\n", "container", ""),
        ('[container]\nimage = "/i"\nfield = "image"\n' + FIELD, "container", "an image, or a field"),
        ('[container]\nfield = "none"\n', "container.field", "There is no text or choice field none"),
        ('[container]\nimage = "i.sif"\n', "container.image", ""),
        ('[container]\nimage = "/i"\nruntime = "docker"\n', "container.runtime", ""),
        ('[container]\nimage = "/i"\nbinds = ["data"]\n', "container.binds", "must be a path"),
        ('[container]\nimage = "/i"\ndisplay = "inside"\n', "container.display", "no display"),
        ('kit = "jupyter"\n[container]\nimage = "/i"\n', "kit", "no kit"),
    ],
)
def test_mistakes_are_told_with_their_key(make: Any, extra: str, key: str, words: str) -> None:
    problems = check(make(extra))
    if extra == "[container]\n":
        assert problems == []  # an empty table says nothing
        return
    assert [one.key.partition("[")[0] for one in problems] == [key]
    assert words in problems[0].message
    assert problems[0].line > 0


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("/a", ("/a", "", True)),
        ("/a:ro", ("/a", "", False)),
        ("/a b:/c:rw", ("/a b", "/c", True)),
        ("~/x:/y:ro", ("~/x", "/y", False)),
        ("$SCRATCH", ("$SCRATCH", "", True)),
        *((bad, None) for bad in ("", "a", "/a:b", "/a:/b:rx", "/a:/b:ro:x", "/a\n")),
    ],
)
def test_binds_as_people_write_them(text: str, meant: tuple[str, str, bool] | None) -> None:
    assert parse_bind(text) == meant


def test_the_node_is_told_what_the_application_and_the_site_say(make: Any) -> None:
    made = spec(
        make,
        f'{TEXT}binds = ["/data:/mnt:ro"]\nnv = true\n[environment]\nFOO = "1"\n{FIELD}',
        {"image": "x"},
        binds=("/scratch/$USER",),
        runtimes=("bubblewrap", "apptainer"),
    )
    assert made.argv == ("container", "run.sh")
    assert {"container", "container.json", "node.py", "node.json", "answers.sh", "run.sh"} == {file.name for file in made.files}
    assert wish(made) == {
        "image": "/opt/i.sif",
        "runtimes": ["bubblewrap", "apptainer"],
        "binds": [["/data", "/mnt", "ro", "must"], ["/scratch/$USER", "", "rw", "may"]],
        "home": True,
        "nv": True,
        "environment": ["ARMCHAIR_FIELD_IMAGE", "FOO"],
    }


def test_the_image_is_the_answer_where_a_field_is_named(make: Any) -> None:
    made = spec(make, f'[container]\nfield = "image"\nruntime = "charliecloud"\nhome = false\n{FIELD}', {"image": "~/my.sif"})
    assert (wish(made)["image"], wish(made)["runtimes"], wish(made)["home"]) == ("~/my.sif", ["charliecloud"], False)


def test_a_site_without_homes_in_containers_has_the_last_word(make: Any) -> None:
    assert wish(spec(make, TEXT, home=False))["home"] is False


@pytest.mark.parametrize(("display", "prefix"), [("outside", []), ("inside", ["container"])])
def test_a_graphical_program_is_inside_and_its_display_where_it_is_wanted(make: Any, display: str, prefix: list[str]) -> None:
    directory = make(toml=f'title = "D"\ndescription = "d"\ntype = "x11"\n{TEXT}display = "{display}"\n')
    found = DirectoryCatalogue(CatalogueSettings(directories=(directory.parent,)), directory.parent)
    app = found.get("demo")
    context = SpecContext(session="s", number=1, attempt=1, user="ann", url="http://x", state_directory="~/s")
    made = found.spec(app, plan(app, "", {}, ""), context)
    screen = json.loads(next(file.content for file in made.files if file.name == "screen.json"))
    assert (screen["program"], screen["display_prefix"]) == (["container", "run.sh"], prefix)
    assert len({file.name for file in made.files}) == len(made.files)


def test_what_its_program_needs_is_in_the_image_but_a_runtime_must_be_there(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, app = application(make, f'{TEXT}[requires]\ncommands = ["a-program-of-the-image"]\n', runtimes=("podman", "bubblewrap"))
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = ContainersSettings(runtimes=("podman", "bubblewrap"))
    (lacks,) = containers.missing(app, settings)
    assert "podman, bubblewrap" in lacks.what
    assert lacks.cure.endswith("apt-get install -y --no-install-recommends bubblewrap squashfuse")
    (tmp_path / "bwrap").write_text("")
    (tmp_path / "bwrap").chmod(0o755)
    assert containers.missing(app, settings) == ()
    assert containers.missing(replace(app, container=None), settings) == ()


@pytest.mark.parametrize(
    ("path", "patterns", "may"),
    [
        ("/opt/images/a.sif", ("/opt/images/*.sif",), True),
        ("/opt/images/../images/a.sif", ("/opt/images/*.sif",), True),
        ("/opt/images/../../home/eve/a.sif", ("/opt/images/*.sif",), False),
        ("/opt/images/sub/a.sif", ("/opt/images/*.sif",), False),
        ("/opt/images/sub/deep/a.sif", ("/opt/images/**/*.sif",), True),
        ("/opt/images/a.sif", ("/opt/images/**/*.sif",), True),
        ("/opt/images/a.sif\n", ("/opt/images/*.sif",), False),
        ("/opt/images(1)/a", ("/opt/images(1)/?",), True),
        ("~/a.sif", ("/**", "~/*"), False),
        ("/x", (), False),
        ("/opt/images/${ARMCHAIR_FIELD_COMMAND}.sif", ("/opt/images/*.sif",), False),
        ("/opt/images/$HOME/a.sif", ("/opt/images/**/*.sif",), False),
    ],
)
def test_which_images_are_the_sites(path: str, patterns: tuple[str, ...], may: bool) -> None:
    assert allowed(path, patterns) is may


def test_settings_know_a_bad_bind() -> None:
    with pytest.raises(ValidationError, match="is no bind"):
        ContainersSettings(binds=("scratch",))


async def refused(make: Any, path: str, *, here: bool = True, same_account: bool = True, **settings: Any) -> FieldError | None:
    """What the form says about this image, given in a field."""
    _, app = application(make, f'[container]\nfield = "image"\n{FIELD}')
    looks = Images(ContainersSettings(**settings), same_account=same_account)
    try:
        await looks.check(app, plan(app, "", {"image": path}, ""), here=here)
    except InvalidInput as invalid:
        (error,) = invalid.errors
        assert "?" not in field_error(error), field_error(error)
        return error
    return None


async def test_an_image_outside_the_sites_is_refused_by_policy_only(make: Any) -> None:
    found = await refused(make, "/home/ann/x.sif", images=("/opt/*.sif",), own_images=False)
    assert found is not None
    assert (found.field, found.code, found.params["allowed"]) == ("image", "image_forbidden", ["/opt/*.sif"])
    assert await refused(make, "/nowhere/x.sif", images=("/opt/*.sif",), here=False) is None


@pytest.mark.parametrize("path", ["x.sif", "docker://debian", "~eve/x.sif", ""])
async def test_what_is_no_path_is_refused(make: Any, path: str) -> None:
    found = await refused(make, path)
    assert found is not None
    assert found.code == "image_not_a_path"


async def test_what_can_be_known_from_here_is_told_beside_the_field(make: Any, tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_text("no image")
    for path, code in (("y.sif", "image_missing"), ("x.sif", "image_corrupt")):
        found = await refused(make, f"{tmp_path}/{path}")
        assert found is not None
        assert (found.field, found.code) == ("image", code)
        assert str(tmp_path) in field_error(found)


async def test_the_way_up_is_the_one_that_the_rule_and_the_node_go(make: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "x.sif").write_text("no image")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "latest").symlink_to(tmp_path / "elsewhere" / "deep")
    path = f"{tmp_path}/images/latest/../x.sif"
    found = await refused(make, path, images=(f"{tmp_path}/images/*.sif",), own_images=False)
    assert found is not None
    assert found.code == "image_missing", "not what the link's own parent holds"


async def test_the_processor_counts_only_where_it_is_known(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").write_bytes(b"\x7fELF\x02\x01" + b"\0" * 12 + b"\xb7\x00" + b"\0" * 40)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "n", "6", "1", "x86_64")))
    found = await refused(make, str(tmp_path))
    assert found is not None
    assert (found.code, found.params["machine"], found.params["here"]) == ("image_architecture", "aarch64", "x86_64")
    assert await refused(make, str(tmp_path), here=False) is None


async def test_what_the_nodes_may_see_and_the_portal_not_is_left_to_them(make: Any, tmp_path: Path) -> None:
    assert await refused(make, "/no/such/tree/x.sif", here=False) is None
    assert await refused(make, "/tmp/armchair-none.sif", here=False) is None
    assert (await refused(make, "/etc/armchair-none.sif", here=False)).code == "image_missing"  # type: ignore[union-attr]


async def test_the_portals_own_account_looks_at_the_sites_images_only(make: Any, tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_text("no image")
    path = f"{tmp_path}/x.sif"
    assert await refused(make, path, same_account=False) is None
    found = await refused(make, path, same_account=False, images=(f"{tmp_path}/*.sif",))
    assert found is not None
    assert found.code == "image_corrupt"


async def test_a_dead_file_server_holds_nobody_up(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    release, asked = threading.Event(), []

    def hang(path: str) -> None:
        asked.append(path)
        release.wait(60)
        raise Trouble("image_unreadable", "It came too late.")

    monkeypatch.setattr(images.node_image, "inspect", hang)
    monkeypatch.setattr(images, "PATIENCE", 0.05)
    _, app = application(make, f'[container]\nfield = "image"\n{FIELD}')
    looks = Images(ContainersSettings(), same_account=True)
    wanted = plan(app, "", {"image": "/dead/x.sif"}, "")
    await asyncio.gather(*(looks.check(app, wanted, here=True) for _ in range(20)))
    assert len(asked) == images.LOOKERS
    release.set()


async def test_a_fixed_image_that_is_gone_is_said_of_the_form_as_a_whole(make: Any, tmp_path: Path) -> None:
    found, app = application(make, f'[container]\nimage = "{tmp_path}/gone.sif"\n', own_images=False)
    with pytest.raises(InvalidInput) as caught:
        await found.check(app, plan(app, "", {}, ""), here=True)
    assert [(one.field, one.code) for one in caught.value.errors] == [("", "image_missing")]
