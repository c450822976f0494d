"""The pages' event stream: one's own changes only, signs of life, and an end with the login."""

import asyncio
import json

from armchair.sessions.changes import SessionChanged
from armchair.web.events import stream

LONG = 5.0


def changed(session: str, owner: str = "ada", version: int = 1) -> SessionChanged:
    return SessionChanged(session=session, number=1, owner=owner, version=version)


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def opened(browser, alive=yes, session=None, keep_alive=LONG):
    return stream(browser.portal, "ada", alive, session, keep_alive).body_iterator


async def test_only_ones_own_changes_are_told(guest) -> None:
    lines = opened(guest)
    assert "event: resync" in await anext(lines)
    guest.portal.changes.publish(changed("theirs", owner="mallory"))
    guest.portal.changes.publish(changed("mine", version=7))
    told = await anext(lines)
    assert "event: session" in told
    assert json.loads(told.partition("data: ")[2]) == {"session": "mine", "version": 7}
    await lines.aclose()


async def test_news_of_a_cluster_goes_to_everybody_but_who_watches_one_session(guest) -> None:
    lines, one = opened(guest), opened(guest, session="one")
    await anext(lines)
    await anext(one)
    guest.portal.changes.cluster("slurm")
    guest.portal.changes.publish(changed("one"))
    told = await anext(lines)
    assert told.startswith("event: cluster\n")
    assert json.loads(told.partition("data: ")[2]) == {"cluster": "slurm"}
    assert "event: session" in await anext(one)
    await lines.aclose()
    await one.aclose()
    guest.portal.changes.cluster("slurm")  # nobody listens any more


async def test_a_stream_of_one_session_is_silent_about_others(guest) -> None:
    lines = opened(guest, session="one")
    await anext(lines)
    guest.portal.changes.publish(changed("other"))
    guest.portal.changes.publish(changed("one"))
    assert '"one"' in await anext(lines)
    await lines.aclose()


async def test_a_quiet_stream_shows_that_it_is_alive(guest) -> None:
    lines = opened(guest, keep_alive=0.001)
    await anext(lines)
    assert await anext(lines) == ": here\n\n"
    await lines.aclose()


async def test_the_stream_ends_with_the_login(guest) -> None:
    lines = opened(guest, alive=no)
    await anext(lines)
    guest.portal.changes.publish(changed("mine"))
    assert await anext(lines) == "event: over\ndata: {}\n\n"
    assert await anext(lines, "the end") == "the end"
    quiet = opened(guest, alive=no, keep_alive=0.001)
    await anext(quiet)
    assert "event: over" in await anext(quiet)
    await quiet.aclose()


async def test_whoever_falls_behind_is_told_to_read_everything(guest) -> None:
    lines = opened(guest, session="mine")
    await anext(lines)
    for version in range(600):
        guest.portal.changes.publish(changed("mine", version=version))
    assert "event: resync" in await anext(lines)
    await lines.aclose()


async def test_a_closed_stream_leaves_nothing_behind(guest) -> None:
    lines = opened(guest)
    await anext(lines)
    assert len(guest.portal.changes._subscribers) == 1
    await lines.aclose()
    assert len(guest.portal.changes._subscribers) == 0


async def test_a_page_hears_of_a_launch_until_it_logs_out(ada) -> None:
    cookie = {"cookie": f"{ada.portal.names.login_cookie}={ada.cookie}"}
    asked = asyncio.create_task(ada.get("/events", headers=cookie))
    async with asyncio.timeout(5):
        while not ada.portal.changes._subscribers:  # noqa: ASYNC110 - the subscription has no event; each turn lets the request go on
            await asyncio.sleep(0)
        record = await ada.launch("Mine")
        while asked.done() is False and any(not queue.empty() for queue in ada.portal.changes._subscribers):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        await ada.post("/logout")
        ada.portal.tell(record)
        answer = await asked
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers
    assert f'"session": "{record.session.id}"' in answer.text
    assert answer.text.endswith("event: over\ndata: {}\n\n")
    assert not ada.portal.changes._subscribers


async def test_the_stream_needs_a_login(guest) -> None:
    assert (await guest.get("/events")).status_code == 401
