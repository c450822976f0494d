"""Use cases: be told of a session by mail, by a webhook or by the browser; and the postman that sends the letters."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from armchair.accounts.actor import Actor
from armchair.domain.access import Verb
from armchair.domain.errors import ArmchairError, Conflict, Refused, Unavailable
from armchair.domain.run import Phase
from armchair.domain.telling import Channel, Letter, Occasion, Wish, next_try
from armchair.sessions.changes import Told
from armchair.sessions.letters import Notifier
from armchair.sessions.portal import Portal
from armchair.sessions.show import permitted

log = structlog.get_logger()

PATIENCE = 60.0  # seconds that sending one letter may take in all
LONGEST_REST = 60.0
TOGETHER = 0.3
AT_ONCE = 50
BESIDE = 4  # letters of one way that are sent beside each other
STARTED = frozenset({Phase.READY, Phase.ENDING})


def channels(portal: Portal) -> frozenset[Channel]:
    """The ways that this portal has."""
    return frozenset({Channel.BROWSER, *portal.notifiers})


async def tell(
    portal: Portal, actor: Actor, session: str, channel: Channel, occasions: frozenset[Occasion], target: str = ""
) -> Wish:
    """Store what the actor wants to hear of by this way, in place of what they wanted before. No occasions: nothing any more.

    Raises NotFound("no_such_session"), Refused("channel_off", channel), Conflict("tell_too_late") when that has been, and
    InvalidInput for a target that may not be used.
    """
    record = await permitted(portal, actor, session, Verb.VIEW)
    if occasions and channel not in channels(portal):
        raise Refused("channel_off", channel=channel.value)
    if occasions and (record.phase is Phase.ENDED or (record.phase in STARTED and occasions == {Occasion.START})):
        raise Conflict("tell_too_late", number=record.session.number)
    notifier = portal.notifiers.get(channel)
    if occasions and notifier is not None:
        await notifier.check(actor.login, target)
    wish = Wish(session=session, login=actor.login, channel=channel, occasions=occasions, target=target)
    await portal.store.put_wish(wish)
    portal.tell(record)
    log.info("session.tell", session=session, channel=channel.value, occasions=sorted(one.value for one in occasions))
    return wish


async def wishes(portal: Portal, actor: Actor, session: str) -> Sequence[Wish]:
    """What the actor wants to hear of this session."""
    await permitted(portal, actor, session, Verb.VIEW)
    return await portal.store.wishes(session, actor.login)


class Postman:
    """Makes letters of events and sends them, for the portal's life. Nothing waits for it, and it waits for no way in another.

    A letter is on file before it is sent and ticked off afterwards. A portal that is killed between the two sends it once
    more, with the same id.
    """

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._on_the_way: dict[int, asyncio.Task[None]] = {}
        self._room = {channel: asyncio.Semaphore(BESIDE) for channel in Channel}
        self._tried: dict[int, tuple[datetime | None, bool]] = {}
        self._again = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. A round that fails is logged and does not end the loop."""
        try:
            async with self._portal.changes.subscribe(None) as news:
                upcoming = asyncio.ensure_future(anext(news))
                while True:
                    rest = await self._round_or_rest()
                    again = asyncio.ensure_future(self._again.wait())
                    await asyncio.wait({upcoming, again}, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
                    again.cancel()
                    # many sessions change at once: one round for all of them
                    await asyncio.sleep(TOGETHER)
                    self._again.clear()
                    if upcoming.done():
                        upcoming = asyncio.ensure_future(anext(news))
        finally:
            for task in self._on_the_way.values():
                task.cancel()

    async def _round_or_rest(self) -> float:
        try:
            return await self.round()
        except ArmchairError as error:
            log.warning("postman.failed", code=error.code)
        except Exception:  # the edge of the loop: one surprise must not end all letters
            log.exception("postman.crashed")
        return LONGEST_REST

    async def round(self) -> float:
        """Make letters, begin to send those that are due; how many seconds there is nothing to do, unless something happens."""
        portal, now = self._portal, self._portal.clock.now()
        letters, next_due = await portal.store.due_letters(portal.always, now, AT_ONCE)
        for letter in letters:
            if letter.id not in self._on_the_way:
                task = asyncio.create_task(self._carry(letter))
                self._on_the_way[letter.id] = task
        if next_due is None or next_due <= now:
            return LONGEST_REST
        return min(LONGEST_REST, (next_due - now).total_seconds())

    async def delivered(self) -> None:
        """Wait for what is on its way now."""
        await asyncio.gather(*self._on_the_way.values())

    async def _carry(self, letter: Letter) -> None:
        try:
            if letter.id not in self._tried:
                self._tried[letter.id] = await self._try(letter)
            due_at, sent = self._tried[letter.id]
            await self._portal.store.settle(letter.id, due_at, sent=sent)
            del self._tried[letter.id]
            self._again.set()
        except ArmchairError as error:
            # the store is away or full: the letter is still on file, and must not be sent again for that
            log.warning("letter.not_settled", letter=letter.id, code=error.code)
        finally:
            self._on_the_way.pop(letter.id, None)

    async def _try(self, letter: Letter) -> tuple[datetime | None, bool]:
        """(when to try again, sent)."""
        async with self._room[letter.channel]:
            sent, again = await self._send(letter)
        due_at = next_try(letter, self._portal.clock.now()) if again else None
        if not sent and due_at is None:
            log.warning("letter.given_up", letter=letter.id, channel=letter.channel.value, session=letter.session)
        return due_at, sent

    async def _send(self, letter: Letter) -> tuple[bool, bool]:
        """(sent, worth another try)."""
        if letter.channel is Channel.BROWSER:
            self._portal.changes.notify(Told(letter=letter))
            return True, False
        notifier = self._portal.notifiers.get(letter.channel)
        if notifier is None:
            return False, False
        problem = await self._hand_over(notifier, letter)
        if problem is None:
            log.info("letter.sent", letter=letter.id, channel=letter.channel.value, session=letter.session)
            return True, False
        log.warning("letter.failed", letter=letter.id, channel=letter.channel.value, code=problem.code, **_reason(problem))
        return False, not isinstance(problem, Refused)

    async def _hand_over(self, notifier: Notifier, letter: Letter) -> ArmchairError | None:
        """What went wrong; None: it was taken."""
        try:
            async with asyncio.timeout(PATIENCE):
                await notifier.send(letter, self._portal.names.portal_url(f"/sessions/{letter.session}"))
        except TimeoutError:
            return Unavailable("letter_timed_out")
        except ArmchairError as error:
            return error
        except Exception:  # the edge of an adapter, which may be a plug-in's
            log.exception("letter.crashed", letter=letter.id, channel=letter.channel.value)
            return Unavailable("letter_crashed")
        return None


def _reason(problem: ArmchairError) -> dict[str, str]:
    return {name: str(problem.params[name]) for name in ("reason", "status") if name in problem.params}
