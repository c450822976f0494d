"""What web process and helper say to each other: one JSON object a line each way, one question for each connection.

Question: `{"do": NAME, …}`. Answer: `{"ok": {…}}` or `{"error": CODE, "params": {…}}`.
"""

import json
from collections.abc import Mapping
from typing import Any

QUESTION_LIMIT = 2 * 1024 * 1024  # a job script holds the whole agent
ANSWER_LIMIT = 64 * 1024 * 1024  # a listing of a large cluster

Message = Mapping[str, Any]


class Malformed(Exception):
    """Not a message of this protocol. The text says what is wrong, without what was sent."""


def dump(message: Message) -> bytes:
    """The message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def load(line: bytes) -> dict[str, Any]:
    """The message in this line. Raises Malformed."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(found, dict):
        raise Malformed("not an object")
    return found


def text(message: Message, name: str, longest: int = 4096) -> str:
    """A text that must be there. Raises Malformed."""
    value = message.get(name)
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise Malformed(f"{name} must be a text of at most {longest} characters")
    return value


def texts(message: Message, name: str, most: int = 200) -> list[str]:
    """A list of texts that must be there. Raises Malformed."""
    value = message.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise Malformed(f"{name} must be a list of at most {most} texts")
    return [text({"item": item}, "item", 65536) for item in value]


def number(message: Message, name: str, lowest: float, highest: float) -> float:
    """A number that must be there, within limits. Raises Malformed."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise Malformed(f"{name} must be a number from {lowest} to {highest}")
    return value
