"""Jobs on this machine: real process trees, each with a keeper of its own, that outlive the portal."""

from armchair.launchers.local.launcher import LocalLauncher, create

__all__ = ["LocalLauncher", "create"]
