"""A value that does not show itself.

Threat: a secret reaches a log, a traceback, an error page, a cache or a worker's pickle because something printed or
serialised the object that holds it; or is guessed byte by byte from how long a comparison takes.

Lets pass: code that calls `reveal`; a debugger or a core dump (Python can't promise zeroed memory).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """Holds a `str` or `bytes`. Only `reveal` gives it back.

    `str()`, `format()` and pickling raise TypeError rather than show a mask: a mask in the place of a password is a
    mistake that works. `repr` shows a mask, since tracebacks and assertions need something.
    """

    __slots__ = ("__value",)

    def __init__(self, value: T) -> None:
        if not isinstance(value, (str, bytes)):
            raise TypeError(f"a secret is text or bytes, not {type(value).__name__}")
        self.__value: T = value

    def reveal(self) -> T:
        """The value. Keep it in a local name, and only as long as it is needed."""
        return self.__value

    def __eq__(self, other: object) -> bool:
        """In time that does not depend on where the contents differ (their lengths do show)."""
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = self.reveal(), other.reveal()
        if type(mine) is not type(theirs):
            return False
        return compare_digest(_bytes(mine), _bytes(theirs))

    __hash__ = None  # type: ignore[assignment]  # a hash would tell equal secrets apart in a dump

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> NoReturn:
        raise TypeError("a secret does not turn into text; call reveal() where its value is needed")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a secret can't be formatted; call reveal() where its value is needed")

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret can't be pickled")

    def __setattr__(self, name: str, value: object) -> None:
        if name != "_Secret__value" or hasattr(self, "_Secret__value"):
            raise AttributeError("a secret can't be changed")
        object.__setattr__(self, name, value)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
