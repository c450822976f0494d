"""The grid of applications: in order, by category, and what can't be started yet out of the way."""

import re
from dataclasses import replace

import pytest

from armchair.domain.application import Application, Missing
from armchair.testing.portal import fake_application

LACKS = (Missing(what="gimp", cure="apt-get install gimp"),)
CATEGORIES = ("Desktop", "Maps", "Imaging")


def apps(count: int, *lacking: str) -> list[Application]:
    """So many applications of three categories, and these that lack something."""
    ready = [replace(fake_application(f"app{n:02}", f"App {n:02}"), category=CATEGORIES[n % 3]) for n in range(count)]
    return ready + [replace(fake_application(name, name.title()), category="Imaging", missing=LACKS) for name in lacking]


async def grid(opened, *applications: Application, q: str = "") -> tuple[str, str]:
    """What the page shows, and what is in its fold."""
    ada = await (await opened(*applications)).login()
    page = (await ada.get(f"/applications?q={q}")).text
    shown, _, folded = page.partition('<details class="fold"')
    return shown, folded.partition("</details>")[0]


def titles(page: str) -> list[str]:
    return re.findall(r"<h2>(?:<a[^>]*>)?([^<]+)", page)


async def test_what_lacks_something_is_folded_when_there_are_many(opened) -> None:
    shown, folded = await grid(opened, *apps(9, "fiji", "gimp"))
    assert titles(shown) == [f"App {n:02}" for n in range(9)]
    assert titles(folded) == ["Fiji", "Gimp"]
    assert "2 more need something installed first" in folded
    assert "apt-get install gimp" in folded


async def test_the_one_that_most_people_come_for_stays_in_sight_with_its_cure(opened) -> None:
    shown, folded = await grid(opened, *apps(9, "jupyterlab", "gimp"))
    assert titles(shown)[-1] == "Jupyterlab"
    assert titles(folded) == ["Gimp"]
    assert "1 more needs something installed first" in folded


async def test_what_only_nodes_may_have_waits_in_the_fold_and_can_be_started(opened) -> None:
    unseen = [replace(fake_application(name, name.title()), unseen=("gimp", "a font")) for name in ("fiji", "gimp")]
    _, folded = await grid(opened, *apps(9), *unseen)
    assert titles(folded) == ["Fiji", "Gimp"]
    assert "2 more may not be installed on the nodes" in folded
    assert '<a href="/applications/gimp"' in folded
    assert "has no gimp, a font. It starts where the nodes have that." in folded


@pytest.mark.parametrize(("count", "q"), [(3, ""), (9, "hello"), (0, "")])
async def test_few_ones_and_those_looked_for_are_not_folded(opened, count: int, q: str) -> None:
    shown, folded = await grid(opened, *apps(count, "gimp"), q=q)
    assert titles(shown)[-1] == "Gimp"
    assert folded == ""


async def test_when_nothing_can_be_started_all_is_shown(opened) -> None:
    shown, folded = await grid(opened, *apps(0, *(f"app{n}" for n in range(9))))
    assert len(titles(shown)) == 9
    assert folded == ""


async def test_many_can_be_seen_by_category(opened) -> None:
    links = re.compile(r'<nav class="kinds".*?</nav>', re.DOTALL)
    assert links.search((await grid(opened, *apps(8)))[0]) is None
    shown, _ = await grid(opened, *apps(9), q="Maps")
    found = links.search(shown)
    assert found is not None
    assert re.findall(r">([^<]+)</a>", found[0]) == ["All", "Desktop", "Imaging", "Maps"]
    assert re.findall(r'aria-current="true">([^<]+)', found[0]) == ["Maps"]
    assert titles(shown) == ["App 01", "App 04", "App 07"]


async def test_very_many_have_headings_instead(opened) -> None:
    shown, _ = await grid(opened, *apps(25))
    assert re.findall(r'<h2 class="category">([^<]+)', shown) == ["Desktop", "Imaging", "Maps"]
    assert "kinds" not in shown


async def test_what_most_people_come_for_comes_first(opened) -> None:
    named = [fake_application(name, title) for name, title in (("terminal", "Terminal"), ("desktop", "Desktop"))]
    shown, _ = await grid(opened, *apps(2), *named, fake_application("jupyterlab", "JupyterLab"))
    assert titles(shown) == ["JupyterLab", "Desktop", "Terminal", "App 00", "App 01"]
