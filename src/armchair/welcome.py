"""What a single-user portal does once it listens: it knows its one person and hands them a link and a token."""

from dataclasses import dataclass

from armchair.accounts.actor import scopes_for
from armchair.accounts.logins import Accounts
from armchair.accounts.providers.single_user import SingleUser
from armchair.accounts.settings import AccountSettings
from armchair.bootstrap import Running
from armchair.domain.secret import Secret
from armchair.gateway.names import parse_address
from armchair.gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The link that logs a browser in once, and the command line's own token. `socket`: the gateway's, "" for TCP."""

    url: str
    login_link: Secret
    token: Secret
    socket: str


async def welcome(running: Running, accounts_settings: AccountSettings, gateway: GatewaySettings, kept: str) -> Welcome:
    """Make the local person known. The token `kept` since an earlier start stays when it is still good for all.

    A new token would end the tickets that came from the old one, and with them programs that go on across a restart.
    """
    person, portal = SingleUser().me, running.portal
    accounts = Accounts(portal.accounts, portal.clock, accounts_settings)
    await accounts.remember(person)
    actor = await accounts.actor_of_token(kept) if kept else None
    good = actor is not None and actor.login == person.login and actor.scopes == scopes_for(person.roles)
    token = Secret(kept) if good else await accounts.client_token(person.login)
    code = await accounts.login_link(person.login)
    return Welcome(
        url=portal.names.portal_url().rstrip("/"),
        login_link=Secret(portal.names.portal_url(f"/login?code={code.reveal()}")),
        token=token,
        socket=parse_address(gateway.listen, "gateway.listen").path,
    )
