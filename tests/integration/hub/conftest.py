"""The fixture of the hub's tests."""

from .hub_stage import stage  # noqa: TID252 - one folder's own

__all__ = ["stage"]
