"""Controls of uploads, tried with what they have to take and what they have to refuse.

Threat: a decoder or a scanner that was asked for and silently does nothing. A picture must come out of the decoder, and
half of it must not; the scanner must answer, and must find the file that every scanner has to find.
"""

from __future__ import annotations

from typing import Final

from ...core.errors import OperatorError
from .clamd import EICAR, Clamd
from .image import rewrite
from .quarantine import Draft, Store
from .refused import UploadRefused, Why


class ControlFailed(OperatorError):
    """A control of uploads that was asked for and does not work."""


_PICTURE: Final = bytes.fromhex(
    "47494638376101000100800000000000ffffff2c00000000010001000002024401003b"  # a GIF of one pixel
)


def try_decoder(store: Store) -> None:
    """A good picture must come out, half of it must not."""
    outcomes = []
    for data in (_PICTURE, _PICTURE[:16]):
        sent, clean = Draft(store), Draft(store)
        try:
            sent.write(data)
            with sent.reading() as file:
                rewrite(file, clean.file, "gif", 100)
            outcomes.append("taken")
        except UploadRefused as error:
            outcomes.append(error.why)
        finally:
            sent.discard()
            clean.discard()
    if outcomes != ["taken", Why.BROKEN]:
        raise ControlFailed(
            "The process that decodes pictures does not work.", remedy="See that this Python can start itself."
        )


def try_scanner(scanner: Clamd, store: Store) -> None:
    try:
        scanner.ping()
    except UploadRefused as error:
        message = f"The virus scanner does not answer ({error.detail}), so every upload would be refused."
        raise ControlFailed(message, remedy=f"Start clamd, and look at {scanner.address}.") from error
    draft = Draft(store)
    try:
        draft.write(EICAR)
        with draft.reading() as file:
            scanner.scan(file)
    except UploadRefused as error:
        if error.why is Why.INFECTED:
            return
        raise ControlFailed(
            "The virus scanner answers and does not scan.", remedy=f"Look at {scanner.address}."
        ) from error
    finally:
        draft.discard()
    raise ControlFailed("The virus scanner lets its own test file pass.", remedy="Give it its signatures.")
