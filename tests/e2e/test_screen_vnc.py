"""A program whose display speaks VNC, in the page around it: through gateway and agent, with the real Xvnc behind it."""

from collections.abc import Iterator

import pytest
from persons_portal import PersonsPortal
from playwright.sync_api import Browser
from screens import at_a_computer, portal_with

APP = """\
title = "xterm by VNC"
description = "A terminal window on a VNC display."
type = "x11"
command = "xterm"

[display]
backend = "vnc"
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    with portal_with(tmp_path_factory.mktemp("vnc") / "home", "by-vnc", programs={"by-vnc": APP}) as made:
        yield made


def test_it_is_seen_and_typed_in(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal) as screen:
        assert screen.shell("echo $((6*7))", "sum") == "42\n"


def test_it_is_opened_once_the_display_is_there_however_late(chromium: Browser, portal: PersonsPortal) -> None:
    def slow(context: object) -> None:
        # noVNC asks this before it is there; until then the document is whole but empty
        context.add_init_script(  # type: ignore[attr-defined]
            "if (window.VideoDecoder) { const real = VideoDecoder.isConfigSupported.bind(VideoDecoder);"
            " VideoDecoder.isConfigSupported = async (...what) => {"
            " await new Promise((done) => setTimeout(done, 1500)); return real(...what); }; }"
        )

    with at_a_computer(chromium, portal, prepare=slow) as screen:
        assert screen.shell("echo here", "late") == "here\n"
