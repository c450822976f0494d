"""A sound server of the session's own, if this node can: PulseAudio with one sink, whose sound the display server sends on."""

import glob
import os
from typing import Dict

from armchair.node.screen import processes
from armchair.node.screen.displays.base import Surroundings, private

SINK = "Armchair"
LIBRARIES = ("/usr/lib/*", "/usr/lib64", "/usr/lib", "/usr/local/lib")
# GStreamer from Python, the way from PulseAudio into it, and something that makes a stream of it
NEEDED = ("girepository-1.0/Gst-1.0.typelib", "gstreamer-1.0/libgstpulseaudio.so", "gstreamer-1.0/libgstwavenc.so")


def possible() -> bool:
    """Whether this node has all that it takes."""
    programs = [os.path.join(place, "pulseaudio") for place in os.environ.get("PATH", "").split(":")]
    found = all(any(glob.glob(os.path.join(place, name)) for place in LIBRARIES) for name in NEEDED)
    return found and any(os.access(program, os.X_OK) for program in programs)


class SoundServer:
    """Nobody but this session's programs reaches it: its socket is in the run's private directory."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._directory = private(around, "pulse")
        self._socket = os.path.join(self._directory, "native")
        self.pid = 0

    def start(self) -> None:
        """Start it, and do not wait for it. Without it there is no sound, and all else goes on."""
        own = {"PULSE_RUNTIME_PATH": self._directory, "PULSE_STATE_PATH": self._directory}
        argv = [
            "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes",
            "--log-target=stderr", "--log-level=error",
            "--load=module-null-sink sink_name=%s sink_properties=device.description=%s" % (SINK, SINK),
            "--load=module-native-protocol-unix socket=%s auth-anonymous=1 auth-cookie-enabled=0" % self._socket,
        ]  # fmt: skip
        try:
            self.pid = processes.spawn(argv, {**os.environ, **own})
        except OSError:
            return
        self._around.janitor.kills(self.pid)

    def environment(self) -> Dict[str, str]:
        """What programs need to find it."""
        return {"PULSE_SERVER": "unix:" + self._socket}

    def stop(self) -> None:
        """For the main thread."""
        if self.pid:
            processes.end([self.pid], 1.0)
