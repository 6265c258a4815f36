"""What the SARIF 2.1.0 schema says about the objects this project writes: a small validator, written from the standard.

Every object is closed (``additionalProperties: false``) except property bags and maps of strings, which is what catches
a misspelt key. Section numbers are those of the standard.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

Check = Callable[[object], None]


def text(value: object) -> None:
    assert isinstance(value, str), value


def filled(value: object) -> None:
    text(value)
    assert value, "must not be empty"


def boolean(value: object) -> None:
    assert isinstance(value, bool), value


def uri(value: object) -> None:
    """RFC 3986: an absolute URI, ASCII only."""
    assert isinstance(value, str)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-Z_a-z~\[\]@]+", value), value


def relative(value: object) -> None:
    """3.4.3 and 3.4.4: a relative reference, since a uriBaseId stands beside it; no ``..``, no raw blanks."""
    assert isinstance(value, str)
    assert re.fullmatch(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+", value), value
    parts = urlsplit(value)
    assert not parts.scheme, value
    assert not parts.netloc, value
    assert not value.startswith("/"), value
    assert ".." not in value.split("/"), value


def one_of(*words: str) -> Check:
    def check(value: object) -> None:
        assert value in words, value

    return check


def at_least(least: int) -> Check:
    def check(value: object) -> None:
        assert isinstance(value, int), value
        assert not isinstance(value, bool), value
        assert value >= least, value

    return check


def every(item: Check, *, unique: bool = False) -> Check:
    def check(value: object) -> None:
        assert isinstance(value, list), value
        for entry in value:
            item(entry)
        assert not unique or len({repr(entry) for entry in value}) == len(value), "must be unique"

    return check


def mapping(item: Check) -> Check:
    def check(value: object) -> None:
        assert isinstance(value, dict), value
        for entry in value.values():
            item(entry)

    return check


def closed(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    known = {**required, **(optional or {}), "properties": bag}

    def check(value: object) -> None:
        assert isinstance(value, dict), value
        assert set(required) <= set(value), f"missing {set(required) - set(value)}"
        assert set(value) <= set(known), f"unknown {set(value) - set(known)}"
        for key, entry in value.items():
            known[key](entry)

    return check


def bag(value: object) -> None:
    """3.8: anything, but ``tags`` is a list of unique strings."""
    assert isinstance(value, dict)
    every(text, unique=True)(value.get("tags", []))


LEVEL = one_of("none", "note", "warning", "error")
MESSAGE = closed({"text": filled}, {"markdown": text, "id": text, "arguments": every(text)})  # 3.11
WORDS = closed({"text": filled}, {"markdown": filled})  # 3.12 multiformatMessageString
ARTIFACT = closed({}, {"uri": relative, "uriBaseId": text, "index": at_least(-1), "description": MESSAGE})  # 3.4
REGION = closed({"startLine": at_least(1)}, {"startColumn": at_least(1), "endLine": at_least(1)})  # 3.30
PHYSICAL = closed({"artifactLocation": ARTIFACT}, {"region": REGION})  # 3.29
LOGICAL = closed({}, {"name": text, "fullyQualifiedName": filled, "kind": text})  # 3.33
LOCATION = closed(
    {"physicalLocation": PHYSICAL}, {"logicalLocations": every(LOGICAL, unique=True)}
)  # 3.28; code hosts want the file
RULE = closed(  # 3.49 reportingDescriptor
    {"id": filled},
    {
        "shortDescription": WORDS,
        "fullDescription": WORDS,
        "help": WORDS,
        "helpUri": uri,
        "defaultConfiguration": closed({}, {"level": LEVEL, "enabled": boolean}),
    },
)
DRIVER = closed(  # 3.19 toolComponent
    {"name": filled},
    {"version": text, "semanticVersion": text, "informationUri": uri, "rules": every(RULE, unique=True)},
)
NOTIFICATION = closed({"message": MESSAGE}, {"level": LEVEL})  # 3.58
INVOCATION = closed({"executionSuccessful": boolean}, {"toolExecutionNotifications": every(NOTIFICATION)})  # 3.20
RESULT = closed(  # 3.27
    {"message": MESSAGE},
    {
        "ruleId": filled,
        "ruleIndex": at_least(-1),
        "level": LEVEL,
        "locations": every(LOCATION),
        "partialFingerprints": mapping(text),
        "provenance": closed({}, {"invocationIndex": at_least(-1)}),
    },
)
RUN = closed(  # 3.14
    {"tool": closed({"driver": DRIVER})},
    {
        "automationDetails": closed({}, {"id": filled}),
        "columnKind": one_of("utf16CodeUnits", "unicodeCodePoints"),
        "originalUriBaseIds": mapping(ARTIFACT),
        "invocations": every(INVOCATION),
        "results": every(RESULT),
    },
)
LOG = closed({"version": one_of("2.1.0"), "runs": every(RUN)}, {"$schema": uri})  # 3.13
