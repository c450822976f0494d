"""The fixtures of the agent's tests."""

from .agent_jobs import start  # noqa: TID252 - one folder's own

__all__ = ["start"]
