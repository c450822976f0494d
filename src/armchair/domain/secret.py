"""A secret that does not show itself."""

from typing import final


@final
class Secret:
    """Holds text that must not appear in a log, page or traceback: `repr` and `str` are `***` (I9)."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself. Call it only where the secret leaves the program."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)
