"""The launch form: what is sent is kept, what is wrong is said beside it, what is hostile is only text."""

import html
import re
from dataclasses import replace

import pytest

from armchair import words
from armchair.domain.application import Missing
from armchair.domain.errors import FieldError, InvalidInput
from armchair.domain.forms.fields import Choice, Field, FieldType
from armchair.domain.session import Resources
from armchair.sessions.ports import ListQuery
from armchair.testing.portal import fake_application

HOSTILE = [
    "<script>alert(1)</script>",
    "\"quotes\" and 'quotes'",
    "$(reboot) `id` ${HOME}",
    "two\nlines\r\nand\ttabs",
    "Ünïcödé 漢字 🪑 \u202e",
    "{{ 7*7 }} {% raw %}",
    "%s %(name)s %",
    "'; DROP TABLE session; --",
]


def application():
    fields = (
        Field(name="folder", type=FieldType.TEXT, label="Folder", required=True, help="Where it starts.", maximum=50),
        Field(name="threads", type=FieldType.INTEGER, label="Threads", default=2, minimum=1, maximum=8),
        Field(
            name="mode",
            type=FieldType.CHOICE,
            label="Mode",
            default="a",
            choices=(Choice(value="a", title="A"), Choice(value="b", title="B")),
        ),
        Field(name="extra", type=FieldType.TEXT, label="Extra", show_when={"mode": ("b",)}),
        Field(name="debug", type=FieldType.BOOLEAN, label="Debug", advanced=True, default=False),
        Field(name="pause", type=FieldType.DURATION, label="Pause", advanced=True, default=60),
    )
    return replace(fake_application(), fields=fields)


@pytest.fixture
async def ada(opened):
    return await (
        await opened(
            application(),
            replace(fake_application("greyed", "Greyed"), missing=(Missing(what="xterm", cure="apt-get install xterm"),)),
        )
    ).login()


async def test_what_only_nodes_may_have_is_said_and_starts_all_the_same(opened) -> None:
    ada = await (await opened(replace(fake_application("gimp", "Gimp"), unseen=("gimp",)))).login()
    form = (await ada.get("/applications/gimp")).text.partition('class="launch"')[2].partition("</form>")[0]
    assert "has no gimp. It starts where the nodes have that." in form
    answer = await ada.post("/applications/gimp", {"launch_key": "k"})
    assert answer.status_code == 303
    assert len(await sessions(ada)) == 1


async def sessions(browser):
    return (await browser.portal.store.listing(ListQuery(subject="ada"))).records


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input id="f-{name}"[^>]*? value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


async def test_all_mistakes_are_shown_beside_their_fields_and_everything_is_kept(ada) -> None:
    form = {
        "size": "huge",
        "title": "x" * 300,
        "folder": "",
        "threads": "99",
        "mode": "b",
        "extra": "<i>",
        "debug": ["false", "true"],
        "pause": "soon",
        "launch_key": "k1",
        "invented": "?",
    }
    answer = await ada.post("/applications/hello", form)
    page = answer.text
    assert answer.status_code == 422
    assert await sessions(ada) == []
    for field in ("folder", "threads", "pause"):
        assert re.search(rf'class="error" id="e-{field}"', page), field
        assert f'aria-describedby="h-{field} e-{field}"' in page or f'aria-describedby=" e-{field}"' in page
    assert page.count('class="error"') >= 5
    assert value_of(page, "title") == "x" * 300
    assert value_of(page, "threads") == "99"
    assert value_of(page, "extra") == "<i>"
    assert value_of(page, "pause") == "soon"
    assert re.search(r'<option value="b" selected>', page)
    assert re.search(r'name="debug" value="true" checked', page)
    assert 'name="launch_key" value="k1"' in page
    assert "invented" in page
    assert re.search(r"<details[^>]* open>", page)
    first = re.search(r"<(?:input|select)[^>]* autofocus>", page)[0]
    assert 'name="folder"' in first, "the first wrong answer gets the keyboard"
    assert "autofocus" not in (await ada.get("/applications/hello")).text.partition("<dialog")[0]


async def test_a_good_form_starts_and_leads_to_the_session(ada) -> None:
    answer = await ada.post("/applications/hello", {"size": "large", "title": " Mine ", "folder": "~", "launch_key": "k"})
    (record,) = await sessions(ada)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sessions/{record.session.id}?open=1"
    assert (record.session.size, record.session.title, record.session.owner) == ("large", "Mine", "ada")
    assert record.session.answers["folder"] == "~"


async def test_a_double_click_starts_one_session(ada) -> None:
    page = (await ada.get("/applications/hello")).text
    key = re.search(r'name="launch_key" value="([0-9a-f]{32})"', page)[1]
    answers = [await ada.post("/applications/hello", {"folder": "~", "launch_key": key}) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert len(await sessions(ada)) == 1
    other = re.search(r'name="launch_key" value="([0-9a-f]{32})"', (await ada.get("/applications/hello")).text)[1]
    assert other != key


@pytest.mark.parametrize("title", HOSTILE)
async def test_hostile_texts_are_only_texts(ada, title) -> None:
    answer = await ada.post(
        "/applications/hello",
        {"title": title, "folder": title.replace("\n", " ").replace("\r", "").replace("\t", " "), "launch_key": title},
    )
    assert answer.status_code == 303, answer.text
    (record,) = await sessions(ada)
    kept = record.session.title
    assert "\n" not in kept
    await ada.ready(record.session.id)
    for path in (
        "/",
        f"/sessions/{record.session.id}",
        f"/sessions/{record.session.id}/row",
        f"/sessions/{record.session.id}/end",
        f"/applications/hello?again={record.session.id}",
    ):
        page = await ada.get(path)
        assert page.status_code == 200
        assert html.escape(kept, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page.text.replace(
            "&#x27;", "&#39;"
        ).replace("&quot;", "&#34;"), path
        assert "<script>alert" not in page.text


async def test_ten_kilobytes_of_title_are_told_not_stored(ada) -> None:
    answer = await ada.post("/applications/hello", {"title": "🪑" * 2500, "folder": "~"})
    assert answer.status_code == 422
    assert await sessions(ada) == []
    assert words.fielderrors.FIELDS["title_too_long"] % {"maximum": 200} in answer.text


async def test_a_form_with_a_file_or_too_many_fields_is_refused(ada) -> None:
    ours = {"origin": "http://portal.test"}
    with_file = await ada.ask("POST", "/applications/hello", headers=ours, files={"folder": ("a.txt", b"x")})
    crowd = await ada.ask("POST", "/applications/hello", headers=ours, files={f"f{n}": (None, "x") for n in range(600)})
    for answer in (with_file, crowd):
        assert answer.status_code == 400
        assert words.error("form_malformed", {}).title in answer.text
    assert await sessions(ada) == []


async def test_an_application_that_lacks_something_shows_the_cure_and_does_not_start(ada) -> None:
    for path in ("/applications", "/applications/greyed"):
        page = (await ada.get(path)).text
        assert "apt-get install xterm" in page
    assert "<form" not in (await ada.get("/applications/greyed")).text.partition("<main")[2].partition("</main>")[0]
    answer = await ada.post("/applications/greyed", {"launch_key": "k"})
    assert answer.status_code == 403
    assert await sessions(ada) == []


async def test_edit_and_start_fills_in_the_earlier_answers(ada) -> None:
    await ada.post(
        "/applications/hello",
        {"size": "large", "title": "Mine", "folder": "/data", "threads": "5", "pause": "2m", "launch_key": "k"},
    )
    (record,) = await sessions(ada)
    page = (await ada.get(f"/applications/hello?again={record.session.id}")).text
    assert (value_of(page, "folder"), value_of(page, "threads"), value_of(page, "pause"), value_of(page, "title")) == (
        "/data",
        "5",
        "2m",
        "Mine",
    )
    assert re.search(r'value="large"[^>]* checked', page)
    chosen = (await ada.get(f"/applications/hello?again={record.session.id}&size=small")).text
    assert re.search(r'value="small"[^>]* checked', chosen)


async def test_a_size_or_session_that_is_not_there_leaves_the_form_as_it_is(ada) -> None:
    page = await ada.get("/applications/hello?again=zzzz&size=nonsense")
    assert page.status_code == 200
    assert re.search(r'value="small"[^>]* checked', page.text)


async def test_the_summary_is_a_sentence(ada) -> None:
    page = (await ada.get("/applications/hello")).text
    assert "Hello on 1 core and 1 GB for 1 hour. Starts now." in page


async def test_a_size_that_is_larger_than_ones_own_machine_says_so(ada) -> None:
    ada.portal.launchers["local"].machine = lambda: Resources(cores=2, memory=8 * 2**30)
    page = html.unescape((await ada.get("/applications/hello")).text)
    assert "Hello on 1 core and 1 GB for 1 hour. Starts now.<" in page
    assert "Hello on 4 cores and 16 GB for 4 hours. Starts now. This machine has only 2 cores and 8 GB." in page


@pytest.mark.parametrize("field", ["folder", ""])
async def test_an_image_that_can_t_be_used_is_said_beside_its_field_or_at_the_top(ada, field, monkeypatch) -> None:
    async def check(_application, _plan, *, here) -> None:
        assert here
        raise InvalidInput([FieldError(field=field, code="image_missing", params={"path": "/opt/<i>.sif"})])

    monkeypatch.setattr(ada.portal.catalogue, "check", check)
    answer = await ada.post("/applications/hello", {"folder": "~", "launch_key": "k"})
    said = html.escape("There is no image /opt/<i>.sif.")
    assert answer.status_code == 422
    assert await sessions(ada) == []
    top = re.search(r'<p class="error summary-error".*?</p>', answer.text, re.DOTALL)[0]
    beside = re.search(rf'class="error" id="e-folder"[^>]*>{re.escape(said)}', answer.text)
    assert bool(beside) is bool(field)
    assert (f"Nothing was started. {said}</p>" in top) is not bool(field)
    assert value_of(answer.text, "folder") == "~"
