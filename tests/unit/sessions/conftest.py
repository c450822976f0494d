"""What the tests of use cases share."""

from .stage import stage  # noqa: F401, TID252 - one folder's own
