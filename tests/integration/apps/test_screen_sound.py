"""Sound of a program on a screen, with the real PulseAudio and GStreamer."""

import shutil
from typing import Any

from .screens import until  # noqa: TID252 - one folder's own

# a square wave, as loud as it gets
PLAYS = r"""while :; do printf '\377\177\001\200'; done | pacat --raw --rate=8000 --channels=1 & exec xclock"""


async def test_what_the_program_plays_reaches_who_listens(graphical: Any) -> None:
    assert shutil.which("pulseaudio"), "this test needs PulseAudio"
    screen = graphical(PLAYS, "[display]\nsound = true\n")
    await screen.run.ready()
    assert (await screen.state())["sound"] is True
    client = screen.client(**{"sound.receive": True, "sound.decoders": ["wav"], "sound.server_driven": True})
    client.wait_for("new-window")
    client.send("sound-control", "start", "wav")

    def heard() -> bool:
        data = b"".join(
            one[2] if isinstance(one[2], bytes) else one[2].encode() for one in client.packets if one[0] == "sound-data"
        )
        return len(data.replace(b"\0", b"")) > 50_000

    await until(heard, "sound")
    await screen.run.stop()
    assert screen.run.left() == []


async def test_without_pulseaudio_there_is_none_and_that_is_said(graphical: Any, tmp_path: Any) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "xpra", "Xvfb", "xclock", "python3", "env", "xprop"):
        found = shutil.which(name, path="/usr/bin:/bin")
        assert found, name
        (tmp_path / "bin" / name).symlink_to(found)
    screen = graphical("exec xclock", "[display]\nsound = true\n", PATH=str(tmp_path / "bin"))
    await screen.run.ready()
    assert (await screen.state())["sound"] is False
    screen.client().wait_for("new-window")


async def test_no_sound_server_for_those_who_want_none(graphical: Any) -> None:
    screen = graphical("exec xclock")
    await screen.run.ready()
    assert (await screen.state())["sound"] is False
    assert screen.pids_of("pulseaudio") == []
