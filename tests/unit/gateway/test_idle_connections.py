"""Of two ends of an idle connection the one that sends must be the one to close it, or a request is lost on its way."""

import re
from importlib import resources

from armchair.bootstrap import KEPT_OPEN


def test_the_portal_keeps_idle_connections_for_longer_than_haproxy_uses_them() -> None:
    text = resources.files("armchair.gateway").joinpath("templates", "haproxy.cfg.j2").read_text("utf-8")
    [seconds] = re.findall(r"^ *timeout http-keep-alive (\d+)s$", text, re.MULTILINE)
    assert int(seconds) < KEPT_OPEN
