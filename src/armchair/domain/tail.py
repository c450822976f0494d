"""The end of a text that grows: what it gained between two looks."""

_JOINT = 256


def added(before: str, after: str) -> str:
    """What a sliding tail gained: all of `after` when nothing of `before` is found in it."""
    if after.startswith(before):
        return after[len(before) :]
    joint = before[-_JOINT:]
    found = after.rfind(joint)
    return after[found + len(joint) :] if found >= 0 else after
