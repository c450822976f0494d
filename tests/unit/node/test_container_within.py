"""What is read of an image before anything of it runs: the image's own texts, wherever its links point."""

import os
from pathlib import Path

import pytest

from armchair.node.container import accounts, environment, within

SECRET = "secret:x:1:1::/:/bin/sh\nTOKEN=secret\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image, with something beside it that is its user's own."""
    made = tmp_path / "image"
    (made / "etc").mkdir(parents=True)
    (made / "ch").mkdir()
    (tmp_path / "secret").write_text(SECRET)
    return made


def texts(root: Path, tmp_path: Path) -> str:
    """All that goes inside from files of the image."""
    private = tmp_path / "private"
    private.mkdir()
    binds = accounts.binds(str(root), str(private), "/home/ann")
    variables = environment.of_image(str(root), {}, {}, ())
    return "".join(Path(bind.source).read_text() for bind in binds[:2]) + repr(variables)


def test_accounts_and_variables_of_the_image_are_taken_over(root: Path, tmp_path: Path) -> None:
    (root / "etc" / "passwd").write_text("root:x:54321:0::/root:/bin/sh\nsomebody:x:54322:1::/:/bin/sh")
    (root / "usr").mkdir()
    (root / "usr" / "environment").write_text("TOOL=/opt/tool\nno variable\n")
    # absolute, as it is meant inside
    (root / "ch" / "environment").symlink_to("/usr/environment")
    found = texts(root, tmp_path)
    assert "somebody:x:54322:1::/:/bin/sh\n" in found
    assert "'TOOL': '/opt/tool'" in found


@pytest.mark.parametrize("link", ["{tmp_path}/secret", "../../secret", "../../../../../../../../../../{tmp_path}/secret"])
def test_links_of_an_image_lead_to_no_file_of_the_node(root: Path, tmp_path: Path, link: str) -> None:
    for place in ("etc/passwd", "etc/group", "ch/environment"):
        (root / place).symlink_to(link.format(tmp_path=tmp_path))
    assert "secret" not in texts(root, tmp_path)


def test_a_directory_of_an_image_that_is_a_link_does_not_either(root: Path, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(SECRET)
    (root / "etc").rmdir()
    (root / "etc").symlink_to(tmp_path)
    assert "secret" not in texts(root, tmp_path)


@pytest.mark.parametrize("strange", ["pipe", "directory", "huge", "nothing"])
def test_strange_files_say_nothing_and_hold_nobody_up(root: Path, strange: str) -> None:
    place = root / "etc" / "passwd"
    if strange == "pipe":
        os.mkfifo(place)
    elif strange == "directory":
        place.mkdir()
    elif strange == "huge":
        place.touch()
        os.truncate(place, 1 << 40)
    assert within.lines(str(root), "/etc/passwd") == []
