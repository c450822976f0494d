"""Pictures of chosen sizes in each format: heads as encoders write them, without anything worth decoding behind them."""

import struct
import zlib


def png(width: int, height: int, *, moving: bool = False) -> bytes:
    """A whole PNG: every pixel black. `moving`: it says that it has two frames."""
    rows = (b"\x00" + b"\x00" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    before = [(b"gAMA", struct.pack(">I", 45455)), *([(b"acTL", struct.pack(">II", 2, 0))] if moving else [])]
    parts = ((b"IHDR", head), *before, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg(width: int, height: int, frame: int = 0xC0) -> bytes:
    """The segments of a JPEG up to its frame's head; SOF`frame`."""
    jfif = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    # a table whose marker lies among those of frames, after a byte of padding
    table = b"\xff\xff\xc4" + struct.pack(">H", 4) + b"\x00\x01"
    sof = bytes([0xFF, frame]) + struct.pack(">HBHH", 17, 8, height, width) + b"\x03" + b"\x00" * 9
    return b"\xff\xd8" + jfif + table + sof + b"\xff\xda\x00\x08" + b"\x00" * 6 + b"\xff\xd9"


def webp(width: int, height: int, kind: str = "VP8 ", *, moving: bool = False) -> bytes:
    """A WebP of this kind: "VP8 " (lossy), "VP8L" (lossless) or "VP8X" (with more chunks)."""
    data = {
        "VP8 ": b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height | 0x4000),
        "VP8L": b"\x2f" + struct.pack("<I", (width - 1) & 0x3FFF | ((height - 1) & 0x3FFF) << 14),
        "VP8X": bytes([0x12 if moving else 0x10, 0, 0, 0]) + _three(width) + _three(height),
    }[kind] + b"\x00" * 8
    chunk = kind.encode() + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _three(side: int) -> bytes:
    return ((side - 1) & 0xFFFFFF).to_bytes(3, "little")
