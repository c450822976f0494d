"""Logins in progress: begins conversations, slows down whoever guesses, makes an assertion where PAM is satisfied."""

import ipaddress
import math
import time
from collections.abc import Sequence
from typing import Any

from armchair.domain.errors import ArmchairError, Refused
from armchair.domain.secret import Secret
from armchair.helper.aside import aside
from armchair.helper.audit import Audit
from armchair.helper.brakes import Brakes
from armchair.helper.config import HelperConfig
from armchair.helper.conversation import LONGEST_ANSWER, MOST_AT_ONCE, PATIENCE, Conversation, Turn
from armchair.helper.people import Account, account, known_as, may_be_a_person
from armchair.helper.statements import Statements

_LONGEST_LOGIN = 64
_PLACES_KEPT = 20_000
_ONES_OWN = 64  # bits of an IPv6 address that name the network
MOST_FROM_ONE_ADDRESS = 50  # or one could keep everybody else from logging in
_NOBODY = "armchair-no-such-person"  # whom PAM is asked about in place of root and service accounts


class Logins:
    """Lives as long as the helper. The web process only carries words to and fro."""

    def __init__(self, config: HelperConfig, statements: Statements, audit: Audit) -> None:
        self._config, self._statements, self._audit = config, statements, audit
        self._brakes = Brakes()
        self._known: dict[tuple[str, str], None] = {}  # who has come in from where, the latest last
        self._going: dict[str, Conversation] = {}
        self._at_work: list[Conversation] = []  # also those that were given up, until PAM has let go of them

    async def begin(self, login: str, address: str) -> dict[str, Any]:
        """PAM's first words for this login. Raises Refused("login_too_often", seconds=…), Refused("login_busy")."""
        if not login or len(login) > _LONGEST_LOGIN or not login.isprintable() or login.startswith("-"):
            raise Refused("login_wrong")
        login = await aside(known_as, login)
        user = "" if await aside(may_be_a_person, self._config, login) else _NOBODY
        # from here to where it is one of those that go on, nobody else comes between
        self._forget_old()
        self._brake(login, address)
        self._make_room(address)
        conversation = Conversation(self._config.pam_service, login, address, user=user)
        self._going[conversation.id] = conversation
        self._at_work.append(conversation)
        return await self._turn(conversation, await conversation.next())

    async def answer(self, identity: str, answers: Sequence[Secret]) -> dict[str, Any]:
        """What follows from these answers. Raises Refused("login_given_up") for a conversation that is over."""
        conversation = self._going.get(identity)
        if conversation is None or not conversation.asks:
            # sent twice: the second time would wait for a turn that never comes, or answer a question that nobody has seen
            raise Refused("login_given_up")
        conversation.asks = False
        if not conversation.counted:
            conversation.counted = True
            try:
                self._brake(conversation.login, conversation.address)
            except Refused:
                self._give_up(conversation)
                raise
            self._brakes.tried(self._keys(conversation.login, conversation.address), time.monotonic())
        if any(_is_too_long(answer) for answer in answers):
            self._give_up(conversation)
            return await self._turn(conversation, Turn(over=True, problem="login_wrong"))
        conversation.answer(answers)
        return await self._turn(conversation, await conversation.next())

    async def _turn(self, conversation: Conversation, turn: Turn) -> dict[str, Any]:
        shown: dict[str, Any] = {"messages": list(turn.messages)[:10]}
        if not turn.over:
            conversation.asks = True
            prompts = [{"text": prompt.text[:200], "secret": prompt.secret} for prompt in turn.prompts]
            return {**shown, "conversation": conversation.id, "prompts": prompts}
        self._going.pop(conversation.id, None)
        facts = {"login": conversation.login, "address": conversation.address}
        if turn.problem:
            self._brakes.failed(self._keys(conversation.login, conversation.address), time.monotonic())
            self._audit.note("login", turn.problem, **facts)
            raise Refused(turn.problem, messages=shown["messages"])
        try:
            person = await aside(account, self._config, conversation.login)
        except ArmchairError as error:
            self._audit.note("login", error.code, **facts)
            raise
        place = _place(conversation.address)
        self._brakes.succeeded(self._login_keys(conversation.login, place), f"address {place}")
        self._remember(conversation.login, place)
        self._audit.note("login", "admitted", **facts, roles=list(person.roles))
        return {**shown, "admitted": self._admitted(person)}

    def _admitted(self, person: Account) -> dict[str, Any]:
        assertion, until = self._statements.assertion(person)
        whole = {"login": person.login, "name": person.name, "uid": person.uid, "roles": list(person.roles)}
        return {**whole, "assertion": assertion, "expires": until.timestamp()}

    def _brake(self, login: str, address: str) -> None:
        wait = self._brakes.wait(self._keys(login, address), time.monotonic())
        if wait > 0:
            raise Refused("login_too_often", seconds=math.ceil(wait))

    def _keys(self, login: str, address: str) -> dict[str, int]:
        """What a try counts under, and how many of each are free."""
        place = _place(address)
        return {**self._login_keys(login, place), f"address {place}": 30}

    def _login_keys(self, login: str, place: str) -> dict[str, int]:
        """From where somebody has come in before, tries from elsewhere do not count: or whoever keeps on guessing, one try each
        five minutes, would keep them out for as long as they like.
        """
        here = {f"both {login} {place}": 3}
        return here if (login, place) in self._known else {**here, f"login {login}": 10}

    def _remember(self, login: str, place: str) -> None:
        self._known.pop((login, place), None)
        self._known[login, place] = None
        if len(self._known) > _PLACES_KEPT:
            del self._known[next(iter(self._known))]

    def _give_up(self, conversation: Conversation) -> None:
        conversation.give_up()
        self._going.pop(conversation.id, None)

    def _make_room(self, address: str) -> None:
        """Who has answered nothing yet makes room, or a few who only begin would keep all others out. Raises Refused."""
        self._at_work = [one for one in self._at_work if one.goes_on]
        here = sum(_place(one.address) == _place(address) for one in self._going.values())
        if here >= MOST_FROM_ONE_ADDRESS or len(self._at_work) >= 2 * MOST_AT_ONCE:
            raise Refused("login_busy")
        if len(self._going) >= MOST_AT_ONCE:
            idle = next((one for one in self._going.values() if not one.counted), None)
            if idle is None:
                raise Refused("login_busy")
            self._give_up(idle)

    def _forget_old(self) -> None:
        for one in list(self._going.values()):
            if time.monotonic() - one.touched > PATIENCE:
                self._give_up(one)


def _is_too_long(answer: Secret) -> bool:
    return len(answer.reveal().encode("utf-8", "replace")) > LONGEST_ANSWER


def _place(address: str) -> str:
    """What counts as one address: of IPv6 the network, since everybody there has as many addresses as they like."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, _ONES_OWN), strict=False))
