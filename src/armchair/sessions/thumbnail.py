"""Use cases: the picture of a session's screen that its page sends, and showing it to those who may see the session."""

from armchair.accounts.actor import Actor
from armchair.domain import thumbnail
from armchair.domain.access import Verb
from armchair.domain.errors import Conflict, FieldError, InvalidInput, NotFound
from armchair.domain.run import Phase, Record
from armchair.domain.thumbnail import Thumbnail
from armchair.sessions.join import admitted
from armchair.sessions.portal import Portal
from armchair.sessions.show import permitted


async def keep(portal: Portal, session: str, ticket: str | None, body: bytes) -> None:
    """Keep this picture as the session's, in place of its last, for the bearer of a ticket.

    One that comes too soon after the last is dropped, and nobody is told. Raises as `admitted`,
    InvalidInput("thumbnail_unfit"), Conflict("thumbnail_not_here") for an application without a screen, Conflict("not_now")
    unless the session is ready.
    """
    record = await admitted(portal, session, ticket)
    _need_screen(portal, record)
    if record.phase is not Phase.READY:
        raise Conflict("not_now")
    format_ = thumbnail.recognise(body)
    if format_ is None:
        kilobytes, pixels = thumbnail.MOST_BYTES // 1024, thumbnail.MOST_PIXELS
        raise InvalidInput([FieldError(field="", code="thumbnail_unfit", params={"kilobytes": kilobytes, "pixels": pixels})])
    now, last = portal.clock.now(), await portal.store.thumbnail(session)
    if last is not None and now - last.at < thumbnail.KEPT_EACH:
        return
    await portal.store.keep_thumbnail(Thumbnail(session=session, at=now, format=format_, body=body))
    await portal.apply(session, thumbnail.seen)


async def show(portal: Portal, actor: Actor, session: str) -> Thumbnail:
    """The session's picture. Raises NotFound("no_such_session"), NotFound("no_thumbnail")."""
    await permitted(portal, actor, session, Verb.VIEW)
    found = await portal.store.thumbnail(session)
    if found is None:
        raise NotFound("no_thumbnail")
    return found


def _need_screen(portal: Portal, record: Record) -> None:
    try:
        application = portal.catalogue.get(record.session.app)
    except NotFound:
        raise Conflict("thumbnail_not_here") from None
    if not application.has_screen:
        raise Conflict("thumbnail_not_here")
