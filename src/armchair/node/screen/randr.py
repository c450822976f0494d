"""Makes a size of the screen known to an X server, through its extension RANDR (version 1.3), before anybody takes it."""

import struct

from armchair.node.screen.xclient import Client, padded

_RESOURCES, _CREATE_MODE, _ADD_OUTPUT_MODE = 25, 16, 18
_MODE = struct.Struct("<IHHIHHHHHHHHI")
_HERTZ = 60
# as many as anybody makes by hand; an X server keeps each to its end
_MOST_SIZES = 500


def add_size(client: Client, width: int, height: int) -> None:
    """Add the size to those that the screen can take, unless it is there. Raises NoDisplay."""
    opcode = client.opcode(b"RANDR")
    found = client.ask(struct.pack("<BBHI", opcode, _RESOURCES, 2, client.root))
    controllers, outputs, modes = struct.unpack_from("<HHH", found, 16)
    outputs_at = 32 + 4 * controllers
    modes_at = outputs_at + 4 * outputs
    known = {struct.unpack_from("<HH", found, modes_at + _MODE.size * number + 4) for number in range(modes)}
    if (width, height) in known or modes >= _MOST_SIZES:
        return
    name = b"%dx%d" % (width, height)
    # nothing goes along a cable: no blanks, and a rate that programs believe
    mode = _MODE.pack(0, width, height, width * height * _HERTZ, *3 * (width,), 0, *3 * (height,), len(name), 0)
    words = padded(mode + name)
    made = client.ask(struct.pack("<BBHI", opcode, _CREATE_MODE, 2 + len(words) // 4, client.root) + words)
    number = struct.unpack_from("<I", made, 8)[0]
    client.tell(struct.pack("<BBHII", opcode, _ADD_OUTPUT_MODE, 3, struct.unpack_from("<I", found, outputs_at)[0], number))
