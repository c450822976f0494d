"""The mask that the job had."""

import pytest

from armchair.wire import umask


@pytest.mark.parametrize(
    ("told", "mask"), [("0022", 0o022), ("27", 0o027), ("0002", 0o002), ("7777", 0o777), ("", 0o077), ("u=rwx", 0o077)]
)
def test_what_is_not_told_is_closed(told: str, mask: int) -> None:
    assert umask.of({umask.NAME: told}) == mask
    assert umask.of({}) == 0o077
