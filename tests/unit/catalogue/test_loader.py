"""The catalogue: what replaces what, changes without a restart, broken definitions, RunSpecs."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from armchair.catalogue import schema
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.requirements import program
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.application import Transport
from armchair.domain.errors import BadDefinition, NotFound
from armchair.domain.forms.plan import plan
from armchair.sessions.ports import SpecContext
from armchair.wire import runspec

Make = Callable[..., Path]
BUILT_IN = {
    "jupyterlab", "terminal", "web-command", "container-program",
    "xterm", "desktop", "firefox", "imagej", "fiji", "igv", "paraview", "qgis", "octave", "rkward",
}  # fmt: skip
CONTEXT = SpecContext(
    session="abc", number=7, attempt=1, user="alice", url="http://abc.apps.localhost:8000", state_directory="~/state/abc"
)


class Catalogue:
    """A catalogue on a clock that stands still until it is moved."""

    def __init__(self, tmp_path: Path, *roots: str, allow: bool = False, here: frozenset[str] | None = None) -> None:
        self.now = 0.0
        directories = tuple(tmp_path / root for root in (roots or ("site",)))
        settings = CatalogueSettings(directories=directories, allow_open_loopback_ports=allow)
        self.real = DirectoryCatalogue(settings, tmp_path / "home", clock=lambda: self.now, here=here)

    def names(self) -> set[str]:
        return {application.name for application in self.real.applications()} - BUILT_IN

    def later(self, seconds: float = 1.0) -> None:
        self.now += seconds


def test_the_built_in_applications_are_there(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, "none")
    assert {application.name for application in catalogue.real.applications()} == BUILT_IN
    [problem] = catalogue.real.problems()
    assert problem.file == str(tmp_path / "none")


def test_a_site_replaces_an_application_by_its_name(make: Make, tmp_path: Path) -> None:
    make(name="terminal")
    make(name="demo", root="more")
    make(name="demo")
    catalogue = Catalogue(tmp_path, "more", "site")
    assert catalogue.real.get("terminal").title == "Demo"
    assert catalogue.real.get("demo").directory == str(tmp_path / "site" / "demo")


def test_a_broken_one_among_good_ones_is_a_row_and_leaves_them(make: Make, tmp_path: Path) -> None:
    make(name="good")
    make(name="bad", toml="title = [")
    catalogue = Catalogue(tmp_path)
    assert catalogue.names() == {"good"}
    assert [problem.file for problem in catalogue.real.problems()] == [str(tmp_path / "site" / "bad" / "app.toml")]
    with pytest.raises(NotFound, match="no_such_application"):
        catalogue.real.get("bad")


def test_changes_are_seen_after_a_second_and_not_looked_for_before(make: Make, tmp_path: Path) -> None:
    make(name="one")
    catalogue = Catalogue(tmp_path)
    assert catalogue.names() == {"one"}
    make(name="two")
    assert catalogue.names() == {"one"}
    catalogue.later()
    assert catalogue.names() == {"one", "two"}
    shutil.rmtree(tmp_path / "site" / "one")
    catalogue.later()
    assert catalogue.names() == {"two"}


def test_one_that_is_asked_for_again_and_again_is_made_once_and_anew_when_it_changed(make: Make, tmp_path: Path) -> None:
    directory = make(name="demo")
    catalogue = Catalogue(tmp_path)
    first = catalogue.real.get("demo")
    assert catalogue.real.get("demo") is first
    text = (directory / "app.toml").read_text()
    (directory / "app.toml").write_text(text.replace('title = "Demo"', 'title = "Another"'))
    catalogue.later()
    assert catalogue.real.get("demo").title == "Another", "within the time for which the same one would be kept"


def test_one_that_breaks_keeps_its_last_good_version(make: Make, tmp_path: Path) -> None:
    directory = make(name="demo", script="#!/bin/sh\necho old\n")
    catalogue = Catalogue(tmp_path)
    assert catalogue.names() == {"demo"}
    make(name="demo", script="echo new\n")
    catalogue.later()
    assert catalogue.names() == {"demo"}
    assert [problem.file for problem in catalogue.real.problems()] == [str(directory / "run.sh")]
    application = catalogue.real.get("demo")
    spec = catalogue.real.spec(application, plan(application, "", {}, ""), CONTEXT)
    assert spec.files[-1].content == "#!/bin/sh\necho old\n"
    make(name="demo", script="#!/bin/sh\necho new\n")
    catalogue.later()
    assert catalogue.real.problems() == []


def test_what_is_missing_is_named_with_its_cure_and_seen_when_it_comes(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make('kit = "jupyter"\n[requires]\ncommands = ["surely-not-there"]\npackages = ["one", "two"]\n')
    catalogue = Catalogue(tmp_path)
    [command, kit] = catalogue.real.get("demo").missing
    sudo = "" if os.geteuid() == 0 else "sudo "
    assert (command.what, command.cure) == ("surely-not-there", f"{sudo}apt-get install -y --no-install-recommends one two")
    assert (kit.what, kit.cure) == (
        "the kit jupyter",
        f"{program()} kit install jupyter --directory {tmp_path / 'home' / 'kits'}",
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "surely-not-there").write_text("")
    (tmp_path / "bin" / "surely-not-there").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    catalogue.later(5)
    assert [one.what for one in catalogue.real.get("demo").missing] == [kit.what]


@pytest.mark.parametrize(
    ("here", "clusters", "certain"),
    [
        (None, "", True),
        ({"local"}, "", True),
        ({"local"}, 'clusters = ["local", "hpc"]\n', True),
        ({"local"}, 'clusters = ["hpc"]\n', False),
        (set(), "", False),
    ],
)
def test_what_this_machine_lacks_holds_up_nobody_whose_job_runs_elsewhere(
    make: Make, tmp_path: Path, here: set[str] | None, clusters: str, certain: bool
) -> None:
    make(f'{clusters}kit = "jupyter"\n[requires]\ncommands = ["surely-not-there"]\n')
    found = Catalogue(tmp_path, here=None if here is None else frozenset(here)).real.get("demo")
    lacks = [one.what for one in found.missing]
    assert "the kit jupyter" in lacks, "a kit lies where portal and nodes see it"
    assert ("surely-not-there" in lacks) == certain
    assert found.unseen == (() if certain else ("surely-not-there",))


def test_a_cure_of_its_own_stands_beside_the_packages_of_the_display(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = (
        'title = "D"\ndescription = "D."\ntype = "x11"\n[requires]\nfiles = ["/surely/not/there"]\ncure = "unpack it there"\n'
    )
    make(toml=toml)
    monkeypatch.setenv("PATH", str(tmp_path))
    [display, program_] = Catalogue(tmp_path).real.get("demo").missing
    assert "Xvfb" in display.what
    assert "xvfb" in display.cure
    assert (program_.what, program_.cure) == ("/surely/not/there", "unpack it there")


def test_the_runspec_carries_script_and_answers_apart(make: Make, tmp_path: Path) -> None:
    script = '#!/bin/sh\nexec serve "$ARMCHAIR_FIELD_NAME"\n'
    extra = 'start_path = "/x"\n[stop]\nsignal = "INT"\ngrace = "3s"\n[readiness]\nstatuses = [200, "300-302"]\n'
    directory = make(extra + '[[fields]]\nname = "name"\ntype = "text"\nlabel = "N"\n', script=script)
    catalogue = Catalogue(tmp_path)
    application = catalogue.real.get("demo")
    answer = '$(touch pwned) "; exit #'
    spec = catalogue.real.spec(application, plan(application, "medium", {"name": answer}, ""), CONTEXT)
    assert runspec.load(runspec.dump(spec)) == spec
    assert spec.argv == ("run.sh",)
    assert [(file.name, file.mode) for file in spec.files] == [("answers.sh", 0o600), ("run.sh", 0o700)]
    assert spec.files[1].content == script
    assert answer not in json.dumps([spec.argv, spec.files])
    assert spec.environment == {
        "ARMCHAIR_APP": "demo", "ARMCHAIR_SESSION": "abc", "ARMCHAIR_SESSION_NUMBER": "7", "ARMCHAIR_USER": "alice",
        "ARMCHAIR_URL": "http://abc.apps.localhost:8000", "ARMCHAIR_CORES": "2", "ARMCHAIR_MEMORY_MB": "4096",
        "ARMCHAIR_APP_DIR": str(directory), "ARMCHAIR_KIT": "", "ARMCHAIR_PYTHON": sys.executable,
        "ARMCHAIR_FIELD_NAME": answer,
    }  # fmt: skip
    assert (spec.host, spec.stop_signal, spec.stop_grace) == ("abc.apps.localhost:8000", "INT", 3.0)
    with_path = replace(CONTEXT, url=f"{CONTEXT.url}/lab")
    again = catalogue.real.spec(application, plan(application, "medium", {"name": "n"}, ""), with_path)
    assert again.host == "abc.apps.localhost:8000", "a Host header has no path: applications refuse one"
    assert spec.ready_statuses == ((200, 200), (300, 302))
    assert spec.log_directory == "~/state/abc"
    assert spec.memory == 4 * 1024**3


def test_an_application_that_went_away_after_the_form_was_opened(make: Make, tmp_path: Path) -> None:
    directory = make()
    catalogue = Catalogue(tmp_path)
    application = catalogue.real.get("demo")
    shutil.rmtree(directory)
    catalogue.later()
    with pytest.raises(BadDefinition):
        catalogue.real.spec(application, plan(application, "", {}, ""), CONTEXT)


def test_an_open_loopback_port_needs_the_administrator_s_leave(make: Make, tmp_path: Path) -> None:
    make('[connection]\ntransport = "tcp_loopback"\n')
    [missing] = Catalogue(tmp_path).real.get("demo").missing
    assert missing.cure == "allow_open_loopback_ports = true"
    assert Catalogue(tmp_path, allow=True).real.get("demo").missing == ()
    for allow in (False, True):
        application = Catalogue(tmp_path, allow=allow).real.get("web-command")
        [how] = [field for field in application.fields if field.name == "listens_on"]
        assert (Transport.TCP_LOOPBACK.value in [choice.value for choice in how.choices]) is allow


def test_x11_applications_get_a_screen(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, "none")
    application = catalogue.real.get("xterm")
    spec = catalogue.real.spec(application, plan(application, "", {}, ""), CONTEXT)
    assert spec.argv == ("screen",)
    assert [file.name for file in spec.files] == [
        "screen",
        "node.py",
        "node.json",
        "screen.json",
        "xpra.conf",
        "answers.sh",
        "run.sh",
    ]
    assert spec.ready_path == "/-/ready"
    assert application.start_path == "/.armchair/screen"
    assert application.readiness.usual == timedelta(seconds=2)


def test_the_json_schema_in_the_documentation_is_the_one_of_the_code() -> None:
    documented = Path(__file__).parents[3] / "docs" / "reference" / "app.schema.json"
    assert documented.read_text() == schema.json_schema_text(), "make it anew: python -m armchair.catalogue.schema"


def test_the_schema_s_words_are_the_model_s() -> None:
    tables = {
        "type": schema.AppFile,
        "transport": schema.ConnectionTable,
        "field": schema.FieldTable,
        "backend": schema.DisplayTable,
        "files": schema.DisplayTable,
    }
    for name, words in schema.WORDS.items():
        described = tables[name].model_json_schema()["properties"]["type" if name == "field" else name]
        found = described.get("enum") or described["anyOf"][0]["enum"]
        assert set(found) == {word.value for word in words}
