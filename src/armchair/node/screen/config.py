"""What the portal says about this screen: `screen.json` in the run's private directory."""

import json
import os
from typing import Any, Dict, NamedTuple, Tuple

from armchair.wire import runnable

FILE = "screen.json"


class Config(NamedTuple):
    """`display` is "xpra" or "vnc"; `desktop`: the program is a desktop that fills the screen.

    `program` is what to run, `display_prefix` what stands before the display server's own command; a first word without a slash
    that names a file of the run's private directory is that file. `files` is "both", "upload", "download" or "none"; `folder`
    the exchange folder, `~` allowed. `size` is the largest screen (Xpra) or the first one (VNC), in pixels. The program has
    `grace` seconds to end when it is asked to with the signal `stop_signal` ("TERM"); `warning_signal` ("": none) tells it of
    its last minutes. Both come to us, because the agent knows no program but us.
    """

    display: str
    program: Tuple[str, ...]
    desktop: bool = False
    display_prefix: Tuple[str, ...] = ()
    files: str = "both"
    folder: str = "~/Downloads"
    sound: bool = False
    size: Tuple[int, int] = (3840, 2160)
    grace: float = 10.0
    stop_signal: str = "TERM"
    warning_signal: str = ""


def load(directory: str) -> Config:
    """The configuration in this directory. Raises OSError or ValueError: then the portal has sent nonsense."""
    with open(os.path.join(directory, FILE), encoding="utf-8") as file:
        data: Dict[str, Any] = json.load(file)
    known: Dict[str, Any] = {}
    for key in Config._fields:
        if key in data:
            known[key] = tuple(data[key]) if isinstance(data[key], list) else data[key]
    return Config(**known)


def command(words: Tuple[str, ...], directory: str) -> Tuple[str, ...]:
    """The words as an argv, with a first word that names a file of the directory as its path."""
    if words and "/" not in words[0] and os.path.exists(os.path.join(directory, words[0])):
        return (*runnable.words(os.path.join(directory, words[0])), *words[1:])
    return words
