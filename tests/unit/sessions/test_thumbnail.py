"""Who is shown the picture of a session's screen, on fakes."""

from dataclasses import replace

import pytest

from armchair.accounts.actor import Actor
from armchair.domain.application import AppType
from armchair.domain.errors import NotFound
from armchair.domain.thumbnail import Format, Thumbnail
from armchair.sessions import thumbnail
from armchair.sessions.launch import LaunchRequest, launch
from armchair.testing.pictures import png
from armchair.testing.portal import fake_application, fake_portal


async def test_a_picture_is_shown_to_its_sessions_owner_alone() -> None:
    fake = await fake_portal(replace(fake_application(), type=AppType.X11))
    request = LaunchRequest(app="hello", size="small", answers={}, title="", launch_key="one")
    session = (await launch(fake.portal, fake.actor, request)).record.session.id
    with pytest.raises(NotFound, match="no_thumbnail"):
        await thumbnail.show(fake.portal, fake.actor, session)
    kept = Thumbnail(session=session, at=fake.clock.now(), format=Format.PNG, body=png(9, 9))
    await fake.portal.store.keep_thumbnail(kept)
    assert await thumbnail.show(fake.portal, fake.actor, session) == kept
    stranger: Actor = replace(fake.actor, login="eve")
    with pytest.raises(NotFound, match="no_such_session"):
        await thumbnail.show(fake.portal, stranger, session)
