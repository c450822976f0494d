"""What the agent itself has to say, in the job's output: that may be a file on a full disk, and words may be lost there."""

import os


def say(sentence: object) -> None:
    """One line. Never raises."""
    try:
        os.write(2, ("%s\n" % sentence).encode("utf-8", "replace"))
    except OSError:
        pass
