"""The store's contract on the fake, on SQLite, and on SQLite as it is used on network file systems."""

import pytest

from armchair.store import database
from armchair.store.store import Store
from armchair.testing.clock import FakeClock
from armchair.testing.contract_accounts import ACCOUNT_CONTRACT
from armchair.testing.contract_announcements import ANNOUNCEMENT_CONTRACT
from armchair.testing.contract_outbox import OUTBOX_CONTRACT
from armchair.testing.contract_store import SESSION_CONTRACT, StoreUnderTest
from armchair.testing.contract_thumbnails import THUMBNAIL_CONTRACT
from armchair.testing.store import MemoryStore


@pytest.fixture(params=["memory", "sqlite", "sqlite-network"])
async def case(request, tmp_path, monkeypatch):
    clock = FakeClock()
    if request.param == "memory":
        yield StoreUnderTest(store=MemoryStore(clock), clock=clock)
        return
    monkeypatch.setattr(database, "on_network", lambda _: request.param == "sqlite-network")
    store = await Store.open(tmp_path, clock)
    yield StoreUnderTest(store=store, clock=clock)
    await store.close()


@pytest.mark.parametrize(
    "rule",
    [*SESSION_CONTRACT, *ACCOUNT_CONTRACT, *ANNOUNCEMENT_CONTRACT, *OUTBOX_CONTRACT, *THUMBNAIL_CONTRACT],
    ids=lambda rule: rule.__name__,
)
async def test_store(case, rule):
    await rule(case)
