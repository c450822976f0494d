"""*Tell me* on the session's page: stored as ticked, refused in words, and nobody else's business."""

import pytest

from armchair.domain.errors import FieldError, InvalidInput
from armchair.domain.telling import Channel, Letter, Occasion
from armchair.sessions.changes import Told
from armchair.testing.clock import START
from armchair.web.events import _line


class Way:
    """A Notifier that takes any address but "bad"."""

    async def check(self, login: str, target: str) -> None:
        if target == "bad":
            raise InvalidInput([FieldError(field="target", code="webhook_unknown_host")])

    async def send(self, letter: Letter, link: str) -> None: ...


async def test_what_is_ticked_is_stored_and_shown_ticked(ada) -> None:
    session = (await ada.launch("Mine")).session.id
    ada.portal.notifiers = {Channel.MAIL: Way()}
    answer = await ada.post(f"/sessions/{session}/tell", {"channel": "mail", "occasion": ["start", "end"]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sessions/{session}")
    (wish,) = await ada.portal.store.wishes(session, "ada")
    assert wish.occasions == {Occasion.START, Occasion.END}
    page = (await ada.get(f"/sessions/{session}")).text
    assert page.count(" checked") >= 2
    await ada.post(f"/sessions/{session}/tell", {"channel": "mail"})
    assert list(await ada.portal.store.wishes(session, "ada")) == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"channel": "mail", "occasion": "end"}, "tells nobody anything by mail"),
        ({"channel": "pigeon", "occasion": "end"}, "tells nobody anything by pigeon"),
        ({"channel": "webhook", "occasion": "end", "target": "bad"}, "There is no host of this name."),
    ],
)
async def test_a_refusal_is_told_in_words(ada, form, said) -> None:
    session = (await ada.launch("Mine")).session.id
    ada.portal.notifiers = {Channel.WEBHOOK: Way()}
    answer = await ada.post(f"/sessions/{session}/tell", form)
    assert answer.status_code == 422
    assert said in answer.text
    assert list(await ada.portal.store.wishes(session, "ada")) == []


async def test_what_was_refused_is_still_filled_in(ada) -> None:
    session = (await ada.launch("Mine")).session.id
    ada.portal.notifiers = {Channel.WEBHOOK: Way(), Channel.MAIL: Way()}
    page = (await ada.post(f"/sessions/{session}/tell", {"channel": "webhook", "occasion": "end", "target": "bad"})).text
    form = page.partition('value="webhook"')[2].partition("</form>")[0]
    assert 'value="bad" aria-invalid="true" aria-describedby="act-error" autofocus>' in form
    assert 'value="end" checked' in form
    assert '<details class="panel" id="tell" open>' in page
    assert 'id="act-error"' in page


async def test_the_address_that_was_named_is_shown(ada) -> None:
    session = (await ada.launch("Mine")).session.id
    ada.portal.notifiers = {Channel.WEBHOOK: Way()}
    await ada.post(f"/sessions/{session}/tell", {"channel": "webhook", "occasion": "end", "target": "https://x.test/?a=1&b"})
    assert (
        'name="target" type="url" autocomplete="off" value="https://x.test/?a=1&amp;b">'
        in (await ada.get(f"/sessions/{session}")).text
    )


async def test_an_empty_address_keeps_the_one_that_was_named(ada) -> None:
    session = (await ada.launch("Mine")).session.id
    ada.portal.notifiers = {Channel.WEBHOOK: Way()}
    await ada.post(f"/sessions/{session}/tell", {"channel": "webhook", "occasion": "end", "target": "https://x.test/"})
    await ada.post(f"/sessions/{session}/tell", {"channel": "webhook", "occasion": "end_near", "target": ""})
    (wish,) = await ada.portal.store.wishes(session, "ada")
    assert (wish.target, wish.occasions) == ("https://x.test/", {Occasion.END_NEAR})


def test_the_stream_carries_a_notification_in_words() -> None:
    letter = Letter(
        event=1, session="s1", login="ada", channel=Channel.BROWSER, occasion=Occasion.START,
        params={"number": 3, "title": "</x>\n\n"}, created_at=START, due_at=START,
    )  # fmt: skip
    line = _line(Told(letter=letter))
    assert line.startswith("event: told\ndata: {")
    assert line.count("\n\n") == 1, "a title ends no event"
    assert '"tag": "s1-start"' in line
