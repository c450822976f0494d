"""Whose keys and whose power: the portal's own, or, on a site, those of the privileged helper, which the web process asks."""

import pwd
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.ports import Admitted, Asked, Question
from armchair.accounts.sitesettings import SiteSettings
from armchair.domain.errors import Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.gatehouse import load_keys
from armchair.gateway.certificates import Authority
from armchair.gateway.keyfiles import PORTAL_KEY
from armchair.gateway.keys import PublicKeys
from armchair.gateway.names import Names
from armchair.gateway.tickets import Es256Tickets, TicketReader
from armchair.helper.client import HelperClient
from armchair.launchers.command import Completed
from armchair.launchers.schedulerdoor import LIMIT, TAIL, TIMEOUT
from armchair.sessions.launcherports import NO_MANDATE
from armchair.sessions.ports import Identity, NoMandates, TicketClaims
from armchair.settings import Settings

_NOBODY = frozenset({"not_a_user", "assertion_unknown"})
_SLACK = 15.0  # seconds that the helper gets beyond what a command may take


class HelperDoor:
    """Slurm's commands by way of the helper: looking as its account, acting as the person of a mandate."""

    for_many = True

    def __init__(self, client: HelperClient, cluster: str, account: str) -> None:
        self._client = client
        self._cluster = cluster
        self._account = account

    @property
    def reader(self) -> str:
        """The helper's account."""
        return self._account

    async def read(self, argv: Sequence[str], *, timeout: timedelta = TIMEOUT, limit: int = LIMIT) -> Completed:  # noqa: ASYNC109, ARG002 - the door's; the helper has a limit of its own
        return await self._run("read", timeout, cluster=self._cluster, argv=list(argv))

    async def act(
        self,
        run_as: str,
        argv: Sequence[str],
        *,
        stdin: Secret | None = None,
        mandate: Secret = NO_MANDATE,
        timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - the door's
    ) -> Completed:
        if "--test-only" in argv:
            return await self._run("would_start", timeout, cluster=self._cluster, argv=list(argv), login=run_as)
        script = {} if stdin is None else {"stdin": stdin.reveal()}
        return await self._run("act", timeout, mandate=mandate.reveal(), argv=list(argv), **script)

    async def tail(self, run_as: str, path: str, *, mandate: Secret = NO_MANDATE, limit: int = TAIL) -> str:  # noqa: ARG002 - the door's
        if mandate == NO_MANDATE:
            return ""
        answer = await self._client.ask("tail", {"mandate": mandate.reveal(), "path": path})
        return str(answer["text"])[-limit:]

    async def _run(self, what: str, timeout: timedelta, **question: object) -> Completed:  # noqa: ASYNC109 - the door's
        seconds = timeout.total_seconds()
        answer = await self._client.ask(what, {**question, "timeout": seconds}, within=seconds + _SLACK)
        return Completed(**answer)


class HelperTickets(TicketReader):
    """The port Tickets: the helper signs, anybody reads."""

    def __init__(self, client: HelperClient, keys: PublicKeys) -> None:
        super().__init__(keys.tickets)
        self._client = client

    async def sign(self, claims: TicketClaims, assertion: Secret | None = None, mandate: Secret = NO_MANDATE) -> str:
        if assertion is None:
            raise Refused("login_over", session=claims.session)
        proofs = {"assertion": assertion.reveal(), "mandate": mandate.reveal()}
        return str((await self._client.ask("ticket", {**proofs, "claims": asdict(claims)}))["ticket"])


class HelperAuthority:
    """The port CertificateAuthority: the helper makes run certificates, the two authorities' own are on file."""

    def __init__(self, client: HelperClient, keys: PublicKeys) -> None:
        self._client = client
        self._keys = keys

    async def identity(self, session: str, run: str, mandate: Secret = NO_MANDATE) -> Identity:  # noqa: ARG002 - the mandate names it
        made = await self._client.ask("identity", {"mandate": mandate.reveal(), "run": run})
        return Identity(certificate=made["certificate"], key=Secret(made["key"]))

    def gateway_ca(self) -> str:
        return self._keys.gateway_ca()

    def agents_ca(self) -> str:
        return self._keys.agents_ca()


class HelperMandates:
    """The port Mandates."""

    def __init__(self, client: HelperClient) -> None:
        self._client = client

    async def mandate(self, assertion: Secret | None, session: str, mark: str, cluster: str) -> Secret:
        if assertion is None:
            raise Refused("login_over", session=session)
        question = {"assertion": assertion.reveal(), "session": session, "mark": mark, "cluster": cluster}
        return Secret(str((await self._client.ask("mandate", question))["mandate"]))


class HelperPasswords:
    """The port PasswordCheck: carries PAM's questions and a person's answers to and fro."""

    def __init__(self, client: HelperClient) -> None:
        self._client = client

    async def begin(self, login: str, address: str) -> Asked | Admitted:
        return _turn(await self._client.ask("login.begin", {"login": login, "address": address}))

    async def answer(self, conversation: str, answers: Sequence[Secret]) -> Asked | Admitted:
        words = [answer.reveal() for answer in answers]
        return _turn(await self._client.ask("login.answer", {"conversation": conversation, "answers": words}, within=200.0))


class HelperStanding:
    """The port Standing: the helper looks at the account anew."""

    def __init__(self, client: HelperClient) -> None:
        self._client = client

    async def person(self, assertion: Secret) -> Person | None:
        try:
            return _person(await self._client.ask("person", {"assertion": assertion.reveal()}))
        except Refused as refused:
            if refused.code in _NOBODY:
                return None
            # a helper of another version, say: that tells nothing of the person
            raise Unavailable(refused.code, **refused.params) from refused


def _person(found: dict[str, Any]) -> Person:
    return Person(login=found["login"], name=found["name"], roles=frozenset(PortalRole(role) for role in found["roles"]))


def _turn(answer: dict[str, Any]) -> Asked | Admitted:
    messages = tuple(str(one) for one in answer.get("messages", ()))
    if "admitted" not in answer:
        questions = tuple(Question(text=str(one["text"]), secret=bool(one["secret"])) for one in answer["prompts"])
        return Asked(conversation=str(answer["conversation"]), questions=questions, messages=messages)
    found = answer["admitted"]
    return Admitted(
        person=_person(found),
        assertion=Secret(found["assertion"]),
        until=datetime.fromtimestamp(found["expires"], UTC),
        messages=messages,
    )


class OwnKeys:
    """Without a helper: the portal signs with its own keys, and acts as itself."""

    passwords = None
    standing = None

    def __init__(self, settings: Settings, home: Path) -> None:
        self.keys = keys = load_keys(settings, home)
        self.portal_key = keys.portal_key
        self.tickets = Es256Tickets(keys.tickets)
        self.authority = Authority(keys, Names.of(settings.gateway, keys.instance).apps_domain)
        self.mandates = NoMandates()

    def door(self, cluster: str) -> None:
        """Launchers run their commands themselves."""


class Site:
    """With a helper: what the composition root takes from here."""

    def __init__(self, settings: SiteSettings) -> None:
        """Raises Unavailable("key_damaged", path=…) while the helper has not laid out the keys."""
        socket = Path(settings.helper)
        client = HelperClient(socket)
        self._client, self._account = client, account_of(socket)
        self.keys = keys = PublicKeys.load(Path(settings.keys))
        self.portal_key = (keys.directory / PORTAL_KEY).read_bytes()
        self.tickets = HelperTickets(client, keys)
        self.authority = HelperAuthority(client, keys)
        self.mandates = HelperMandates(client)
        self.passwords = HelperPasswords(client)
        self.standing = HelperStanding(client)

    def door(self, cluster: str) -> HelperDoor:
        """The door to this cluster's commands."""
        return HelperDoor(self._client, cluster, self._account)


def signing(settings: Settings, home: Path) -> OwnKeys | Site:
    """As the settings say. Raises as the two do."""
    return Site(settings.site) if settings.site.helper else OwnKeys(settings, home)


def account_of(socket: Path) -> str:
    """Whose socket this is: the helper's account. "" when there is none (yet)."""
    try:
        return pwd.getpwuid(socket.stat().st_uid).pw_name
    except (OSError, KeyError):
        return ""
