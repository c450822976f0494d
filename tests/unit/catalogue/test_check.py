"""`app check`: each mistake is found, at its file, line and key, in words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from armchair.catalogue import definition
from armchair.catalogue.check import check

Make = Callable[..., Path]


def field(rest: str, name: str = "f", kind: str = "text") -> str:
    return f'[[fields]]\nname = "{name}"\ntype = "{kind}"\nlabel = "F"\n{rest}\n'


def test_a_good_directory_has_no_problems(make: Make) -> None:
    assert check(make()) == []


def test_a_command_is_enough_to_start_it(make: Make) -> None:
    directory = make('command = "demo --all"', script=None)
    assert check(directory) == []
    found, _problems = definition.read(directory)
    assert found is not None
    assert found.script == "#!/bin/sh\ncd || exit 1\ndemo --all\n"


SHIPPED = sorted(path.parent for path in (Path(str(definition.__file__)).parent / "apps").glob("*/app.toml"))


@pytest.mark.parametrize("directory", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_applications_are_good(directory: Path) -> None:
    assert check(directory) == []
    assert (directory / "README.md").exists()
    assert (directory / "icon.svg").exists()
    found, _ = definition.read(directory)
    assert found is not None
    assert found.application.category != "Other"
    assert len(found.application.description) <= 100, "a card's few lines"
    # the size that is offered first runs on a laptop
    smallest = found.application.sizes[0].resources.memory
    assert smallest is not None
    assert smallest <= 4 * 2**30


# lines 1 to 3 are title, description, type; extras begin on line 4
@pytest.mark.parametrize(
    ("extra", "line", "key", "words"),
    [
        ('titel = "x"', 4, "titel", "Did you mean title?"),
        ('command = "demo"', 4, "command", "There is a run.sh too."),
        ('command = "a\\nb"', 4, "command", "one line"),
        ("start_path = 3", 4, "start_path", "must be a text in quotes"),
        ('start_path = "lab"', 4, "start_path", "does not have the form"),
        ('kit = "nope"', 4, "kit", "Kits: jupyter."),
        ('[connection]\ntransport = "tcp"', 5, "connection.transport", "'tcp_isolated'"),
        ("[connection]\nx = 3", 5, "connection.x", "Allowed: field, transport."),
        ('[connection]\nfield = "how"', 5, "connection.field", "There is no field how."),
        ('[readiness]\nstatuses = ["2xx"]', 5, "readiness.statuses[1]", "HTTP status"),
        ('[readiness]\nusual = "3"', 5, "readiness.usual", "a time with its unit"),
        ('[environment]\nARMCHAIR_APP = "x"', 5, "environment.ARMCHAIR_APP", "not begin with ARMCHAIR_"),
        ('[[sizes]]\nname = "a"\ntitle = "A"\nmemory = "16"', 7, "sizes[1].memory", "a size with its unit"),
        ('[[sizes]]\nname = "a"\ntitle = "A"\ncores = 0', 7, "sizes[1].cores", "greater than or equal to 1"),
        ('[[sizes]]\nname = "a"\ntitle = "A"\n[[sizes]]\nname = "a"\ntitle = "B"', 5, "sizes[1].name", "more than one size"),
        ('[[sizes]]\ntitle = "A"', 4, "sizes[1].name", "This is missing."),
        (field("", kind="txt"), 6, "fields[1].type", "'text', 'integer'"),
        (field("", name="Bad"), 5, "fields[1].name", "does not have the form"),
        (field("", name="size"), 5, "fields[1].name", "is the form's own"),
        (field("") + field(""), 5, "fields[1].name", "more than one field"),
        (field('default = "x"', kind="integer"), 8, "fields[1].default", "not a whole number"),
        (field("minimum = 2\nmaximum = 5\ndefault = 7", kind="integer"), 10, "fields[1].default", "too large (maximum 5)"),
        (field("minimum = 5\nmaximum = 2", kind="integer"), 8, "fields[1].minimum", "greater than the maximum"),
        (field("minimum = 5", kind="duration"), 8, "fields[1].minimum", 'such as "30m"'),
        (field("minimum = 5", kind="boolean"), 8, "fields[1].minimum", "has no minimum"),
        (field("step = 0", kind="number"), 8, "fields[1].step", "greater than 0"),
        (field('pattern = "["'), 8, "fields[1].pattern", "no regular expression"),
        (field('pattern = "x"', kind="integer"), 8, "fields[1].pattern", "Only text fields"),
        (field("", kind="choice"), 4, "fields[1].choices", "needs choices"),
        (field('choices = ["a", "a"]', kind="choice"), 8, "fields[1].choices", "twice"),
        (field('choices = ["a", 3]', kind="choice"), 8, "fields[1].choices[2]", "must be a"),
        (field('show_when = { g = "x" }'), 8, "fields[1].show_when.g", "There is no field g"),
        (field("", name="b", kind="boolean") + field('show_when = { b = "yes" }'), 13, "fields[2].show_when.b", "false, true"),
        (
            field('show_when = { g = "x" }') + field('show_when = { f = "x" }', name="g"),
            8, "fields[1].show_when", "in a circle: f, g",
        ),
    ],
)  # fmt: skip
def test_mistakes_in_app_toml(make: Make, extra: str, line: int, key: str, words: str) -> None:
    directory = make(extra)
    problems = check(directory)
    # two fields of one name are two problems, of which this is the first
    assert problems, "no problem was found"
    first = problems[0]
    assert (first.file, first.line, first.key) == (str(directory / "app.toml"), line, key), str(first)
    assert words in first.message
    assert first.message[-1] in ".?"


def test_a_text_that_is_no_toml(make: Make) -> None:
    [problem] = check(make(toml='title = "x"\ntype = web\n'))
    assert problem.line == 2
    assert "not TOML" in problem.message


def test_all_mistakes_at_once(make: Make) -> None:
    problems = check(make(toml='titel = "x"\ntype = "vnc"\n', script=None, readme=None))
    assert [problem.key for problem in problems if problem.key] == ["titel", "type", "title", "description"] or {
        problem.key for problem in problems if problem.key
    } == {"titel", "type", "title", "description"}


def test_icon_and_readme_may_be_left_out(make: Make) -> None:
    directory = make('command = "demo"', script=None, readme=None, icon=None)
    assert check(directory) == []
    found, _problems = definition.read(directory)
    assert found is not None
    assert "<svg" in Path(found.application.icon).read_text()


def test_an_icon_that_is_named_must_be_there(make: Make) -> None:
    [problem] = check(make('icon = "mine.svg"'))
    assert problem.file.endswith("mine.svg")


@pytest.mark.parametrize(
    ("files", "file", "words"),
    [
        ({"script": None}, "run.sh", "no such file"),
        ({"script": "exec true\n"}, "run.sh", "must begin with #!"),
        ({"script": '#!/bin/sh\necho "$ARMCHAIR_FIELD_NAEM"\n'}, "run.sh", "no field for ARMCHAIR_FIELD_NAEM"),
        ({"script": "#!/bin/sh\n" + "#" * 300_000}, "run.sh", "larger than"),
        ({"icon": "<svg>" + " " * 70_000 + "</svg>"}, "icon.svg", "larger than 64 KiB"),
        ({"icon": "PNG"}, "icon.svg", "not well-formed"),
        ({"icon": "<html/>"}, "icon.svg", "outermost element"),
        ({"icon": "<svg><script>x</script></svg>"}, "icon.svg", "element script"),
        ({"icon": '<svg onload="x"/>'}, "icon.svg", "attribute onload"),
        ({"icon": '<svg style="x"/>'}, "icon.svg", "attribute style"),
        ({"icon": "<svg><foreignObject/></svg>"}, "icon.svg", "element foreignObject"),
        ({"icon": '<svg><use href="http://x/y.svg#a"/></svg>'}, "icon.svg", "parts of itself"),
        ({"icon": '<svg><path fill="url(http://x)"/></svg>'}, "icon.svg", "parts of itself"),
        ({"icon": '<!DOCTYPE svg [<!ENTITY a "b">]><svg/>'}, "icon.svg", "DOCTYPE"),
        ({"icon": '<?xml-stylesheet href="x"?><svg/>'}, "icon.svg", "processing instruction"),
        ({"readme": "\n"}, "README.md", "empty"),
        ({"toml": None, "name": "Bad Name"}, "app.toml", "directory's name"),
    ],
)
def test_mistakes_in_files(make: Make, files: dict[str, str | None], file: str, words: str) -> None:
    directory = make(**files)
    [problem] = check(directory)
    assert problem.file == str(directory / file)
    assert words in problem.message


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    [problem] = check(tmp_path / "none")
    assert "no such directory" in problem.message
