"""New ticket keys, certificates and authorities while people work: nobody notices, and what is old ends in time."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import jwt
from gateway_stage import A, Stage, eventually, serve

from armchair.gateway.certificates import Authority
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.keys import Keys
from armchair.gateway.settings import GatewaySettings

LIFE = timedelta(days=7)


def kid(ticket: str) -> str:
    return str(jwt.get_unverified_header(ticket)["kid"])


def knows(stage: Stage, ticket: str) -> bool:
    try:
        return stage.ask(ticket=ticket).status == 200
    except OSError:
        return False


def test_rotation_goes_unnoticed_and_ends(stage: Stage) -> None:
    keys = stage.keys.tickets
    old = stage.ticket()
    _, stream = stage.open_stream(old)
    keys.prepare(datetime.now(UTC))
    # the next key signs nothing yet: the gateway does not know it
    assert kid(stage.ticket()) == kid(old)
    stage.run(stage.gateway.start())
    keys.switch(datetime.now(UTC) + LIFE)
    new = stage.ticket()
    assert kid(new) != kid(old)
    assert stage.ask(ticket=new).status == 200
    assert stage.ask(ticket=old).status == 200
    assert stage.echoes(stream)
    # after the files changed again the gateway reads them again, and still knows both
    stage.run(stage.gateway.start())
    eventually(lambda: knows(stage, new))
    assert stage.ask(ticket=old).status == 200
    # its time over, the old key goes
    assert keys.retire(datetime.now(UTC) + LIFE + timedelta(seconds=1))
    stage.run(stage.gateway.start())
    eventually(lambda: stage.ask(ticket=old).status == 401)
    assert stage.ask(ticket=old).json["why"] == "signature"
    assert stage.ask(ticket=new).status == 200
    assert stage.echoes(stream)
    stream.close()


def test_a_ticket_that_names_no_key_is_still_good(stage: Stage) -> None:
    claims = jwt.decode(stage.ticket(), options={"verify_signature": False})
    unnamed = jwt.encode(claims, stage.keys.ticket_key, algorithm="ES256")
    assert stage.ask(ticket=unnamed).status == 200
    foreign = jwt.encode(claims, stage.keys.ticket_key, algorithm="ES256", headers={"kid": "0" * 16})
    assert stage.ask(ticket=foreign).json["why"] == "signature"


def test_a_running_gateway_completes_a_rotation_begun_elsewhere(fresh: Stage) -> None:
    """As `armchair keys rotate` does: another process prepares, the portal's watch does the rest."""
    fresh.run(fresh.gateway.start())
    old = fresh.ticket()
    watching = asyncio.run_coroutine_threadsafe(fresh.gateway.watch(), fresh.loop)
    other = Keys.load_or_create(fresh.home).tickets
    other.prepare(datetime.now(UTC))
    eventually(lambda: kid(fresh.ticket()) != kid(old), 10)
    for ticket in (old, fresh.ticket()):
        assert fresh.ask(ticket=ticket).status == 200
    watching.cancel()


def test_a_known_key_is_refused_at_once(fresh: Stage) -> None:
    fresh.run(fresh.gateway.start())
    old = fresh.ticket()
    fresh.keys.tickets.replace(datetime.now(UTC))
    fresh.run(fresh.gateway.start())
    eventually(lambda: fresh.ask(ticket=old).status == 401)
    assert fresh.ask(ticket=fresh.ticket()).status == 200
    page = fresh.ask(ticket=old, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
    assert page.header("location").startswith(f"http://{fresh.names.portal_host}:{fresh.port}/sessions/{A}/join")


async def agent(stage: Stage, keys: Keys, trusted: str, name: str) -> int:
    """One more upstream for session A, as an agent that was told these authorities; its port."""
    identity = Authority(keys, stage.names.apps_domain).made(A, f"{A}-1")
    chain = stage.home.parent / f"{name}.pem"
    chain.write_text(identity.certificate + identity.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.load_verify_locations(cadata=trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(serve(name, stage.names, stage.seen), "127.0.0.2", 0, ssl=context)
    stage.servers.append(server)
    return int(server.sockets[0].getsockname()[1])


def anew(stage: Stage) -> Keys:
    """The portal starts again: it loads the keys, and sees to the gateway."""
    keys = Keys.load_or_create(stage.home)
    settings = GatewaySettings(listen=f"127.0.0.1:{stage.port}", haproxy="/usr/sbin/haproxy", maxconn=500)
    stage.run(HaproxyGateway(settings=settings, names=stage.names, keys=keys, home=stage.home, runtime=stage.runtime).start())
    return keys


def status(stage: Stage, port: int) -> int:
    try:
        return stage.ask(ticket=stage.ticket(port=port)).status
    except OSError:
        return 0


def test_running_sessions_survive_renewed_certificates_and_changed_authorities(fresh: Stage) -> None:
    fresh.run(fresh.gateway.start())
    _, stream = fresh.open_stream(fresh.ticket())
    # the gateway's own certificates, renewed as they are each two months
    for name in ("gateway-client.pem", "agents-server.pem"):
        (fresh.keys.directory / name).unlink()
    keys = anew(fresh)
    eventually(lambda: status(fresh, fresh.ports[A]) == 200)
    assert fresh.echoes(stream)
    # first step; a session that starts after it is told both authorities
    keys.authorities.prepare(datetime.now(UTC))
    keys = anew(fresh)
    between = fresh.run(agent(fresh, keys, keys.authorities.trusted("gateway"), "between"))
    eventually(lambda: status(fresh, between) == 200)
    # second step
    keys.authorities.switch()
    keys = anew(fresh)
    after = fresh.run(agent(fresh, keys, keys.authorities.trusted("gateway"), "after"))
    eventually(lambda: status(fresh, after) == 200)
    assert status(fresh, between) == 200
    assert fresh.echoes(stream)
    # one from before the first step does not know the gateway any more: what the command asks about
    assert status(fresh, fresh.ports[A]) in {502, 503}
    stream.close()
