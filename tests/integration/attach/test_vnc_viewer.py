"""`armchair attach` with Debian's VNC viewer: the session's screen in one window."""

from pathlib import Path

from integration.portal.portal_stage import Stage

from .attach_stage import Screen, attached, typed, typed_at_last  # noqa: TID252 - one folder's own

APPS = Path(__file__).parent / "apps"
VIEWER = "TigerVNC Viewer"


def test_the_screen_comes_and_keys_go(home_stage: Stage, screen: Screen) -> None:
    settings = home_stage.home / "armchair.toml"
    settings.write_text(settings.read_text().replace("directories = [", f'directories = ["{APPS}", '))
    home_stage.up()
    session = home_stage.launch("one-screen")
    with attached(home_stage, session.number, screen=screen) as first:
        first_file = home_stage.home / "user" / "first"
        assert typed_at_last(screen, "kept=alive; echo $kept > first", VIEWER, first_file) == "alive"
        assert first.leave() == 0
        assert first.left_over() == []
    with attached(home_stage, session.number, "--", "-Shared", screen=screen) as again:
        screen.type("echo $kept again > second; exit", kind=VIEWER)
        assert typed(home_stage.home / "user", "second") == "alive again"
        assert again.ended() == 0, again.output
        assert "The program ended by itself" in again.output
