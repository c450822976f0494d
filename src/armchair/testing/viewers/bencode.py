"""The encoding of Xpra's packets: whole numbers, bytes, lists and dictionaries, as in BitTorrent."""

from typing import Any


def encode(value: Any) -> bytes:
    """A value as bytes. Text becomes UTF-8, and true and false become 1 and 0."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(one) for key, one in value.items()) + b"e"
    return b"l" + b"".join(encode(one) for one in value) + b"e"


def decode(data: bytes) -> Any:
    """What these bytes say. Texts stay bytes. Raises ValueError or IndexError."""
    value, end = _value(data, 0)
    if end != len(data):
        raise ValueError("something follows")
    return value


def _value(data: bytes, at: int) -> tuple[Any, int]:
    mark = data[at : at + 1]
    if mark == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if mark == b"l":
        items, end = _items(data, at + 1)
        return items, end
    if mark == b"d":
        items, end = _items(data, at + 1)
        return dict(zip(items[::2], items[1::2], strict=True)), end
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


def _items(data: bytes, at: int) -> tuple[list[Any], int]:
    items = []
    while data[at : at + 1] != b"e":
        item, at = _value(data, at)
        items.append(item)
    return items, at + 1
