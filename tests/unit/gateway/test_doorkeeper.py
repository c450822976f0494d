"""What the doorkeeper does when HAProxy's processes do not all answer."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.errors import Unavailable
from armchair.gateway import doorkeeper
from armchair.gateway.doorkeeper import Doorkeeper


async def test_what_is_open_is_cut_although_a_worker_confirms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Silent(Doorkeeper):
        async def _workers(self) -> list[str]:
            return ["@!1"]

        async def say(self, text: str) -> str:
            asked.append(text)
            return "match=no"

    monkeypatch.setattr(doorkeeper, "TELL_TIME", 0.1)

    def parsed(_: str, targets: Sequence[tuple[str, int]]) -> list[str]:
        return [f"stream-to-{port}" for _, port in targets]

    monkeypatch.setattr(doorkeeper.master, "parse_streams", parsed)
    keeper = Silent(socket=tmp_path / "none", lists=tmp_path, reference="", keep=timedelta(days=1))
    keeper.prepare()
    with pytest.raises(Unavailable):
        await keeper.revoke("a" * 32, [("10.0.0.7", 4001)])
    assert asked[-1] == "@!1 shutdown session stream-to-4001"
