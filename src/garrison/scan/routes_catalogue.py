"""The rules of `garrison routes`: id, severity, what an attacker gets, what to do. Ids are never used again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .guidelines import guideline_of
from .taxonomy import asvs, owasp

TOOL: Final = "routes"


@dataclass(frozen=True, slots=True)
class Text:
    """What is the same for all findings of a rule."""

    id: str
    title: str
    severity: Severity
    consequence: str
    remedy: str
    cwe: tuple[int, ...]


class Rule(Enum):
    """All rules. What each lets pass stands beside its code."""

    SUPPRESSION = Text(
        "R000",
        "Suppression that no longer holds",
        Severity.LOW,
        "A list of exceptions that nobody keeps hides what it was not meant to hide.",
        "Mend the finding, renew the date with a reason that holds today, or take the entry out.",
        (),
    )
    NO_MODEL = Text(
        "R001",
        "Body without a model",
        Severity.MEDIUM,
        "Whatever a client sends reaches the code: fields nobody meant to take, types nobody expected, any size.",
        "Take a model with the fields you mean; garrison.inputs.Input bounds what the fields don't say.",
        (20, 915),
    )
    ANYTHING = Text(
        "R002",
        "Field that takes anything",
        Severity.LOW,
        "The field is as good as no validation: any type, any depth, any number of keys.",
        "Give it a model or a type; where it must be free, bound it (garrison.inputs.Input bounds collections).",
        (20,),
    )
    UNBOUNDED = Text(
        "R003",
        "Text or list without a bound",
        Severity.LOW,
        "One request fills memory, a column or a page: only the size of the whole body stops it.",
        "Let the model inherit from garrison.inputs.Input, or give the fields max_length.",
        (770,),
    )
    NUMBER = Text(
        "R004",
        "Number without a bound",
        Severity.LOW,
        "Numbers too large for a column or for arithmetic turn into errors; a page size without end into a dump.",
        "Give it ge and le: Query(ge=1, le=100), or let the model inherit from garrison.inputs.Input.",
        (770, 190),
    )
    NO_ANSWER_MODEL = Text(
        "R005",
        "Answer without a model",
        Severity.LOW,
        "Whatever the object holds goes out, also the field that is added to it next year.",
        "Declare a response model with the fields you mean, as response_model or as the return type.",
        (213,),
    )
    SECRET_OUT = Text(
        "R006",
        "Secret in an answer",
        Severity.HIGH,
        "Password hashes and keys reach clients, their logs and caches.",
        "Leave the field out of the response model, or exclude it.",
        (200, 522),
    )
    UNSAFE_GET = Text(
        "R007",
        "GET with side effects",
        Severity.MEDIUM,
        "A link, an image or a prefetch sets it off, and no CSRF defence looks at GET.",
        "Let it answer POST, PUT, PATCH or DELETE only (RFC 9110 section 9.2.1).",
        (650, 352),
    )
    NO_AUTHENTICATION = Text(
        "R008",
        "State change without authentication",
        Severity.HIGH,
        "Whoever can reach the service can change its data.",
        "Declare who may: a dependency that refuses everybody else (garrison.fastapi: logged_in, scope, public).",
        (306,),
    )
    NO_CSRF = Text(
        "R009",
        "State change by cookie without CSRF defence",
        Severity.MEDIUM,
        "A page of another site can make a visitor's browser send the request with the visitor's cookie.",
        "Put the application behind harden(app), which checks origin and token; SameSite alone does not stop siblings.",
        (352,),
    )
    OPEN_REDIRECT = Text(
        "R010",
        "Redirect to where the client says",
        Severity.HIGH,
        "A link to your site leads to anybody's: phishing, and tokens that leak in the address.",
        "Redirect to paths of your own: look the target up in a list, or refuse what is not one slash and a name.",
        (601,),
    )
    SQL = Text(
        "R011",
        "SQL built from text",
        Severity.MEDIUM,
        "What stands in the text is run: data is read, changed or deleted.",
        "Bind values as parameters; take names of tables and columns from a list (garrison.inputs.queries.identifier).",
        (89,),
    )
    FILE_PATH = Text(
        "R012",
        "File path from a parameter",
        Severity.HIGH,
        "`../` and absolute paths lead to any file the process can read or write.",
        "Look the file up by an id; or resolve() the path and refuse it unless it is_relative_to() its folder.",
        (22,),
    )
    NO_LIMIT = Text(
        "R013",
        "Expensive endpoint without a limit",
        Severity.MEDIUM,
        "A few clients keep the service busy, or guess passwords as fast as it answers.",
        "Put the application behind harden(app), and give the route a class with a rate of its own.",
        (770, 307),
    )
    BLOCKING = Text(
        "R014",
        "Blocking call in an async endpoint",
        Severity.MEDIUM,
        "While it waits, the process serves nobody: slow answers become an outage.",
        "Make the endpoint a plain def, use the library's async form, or await asyncio.to_thread(…).",
        (400,),
    )
    UNGUARDED_GRAPHQL = Text(
        "R015",
        "GraphQL without the guard",
        Severity.MEDIUM,
        "A short document asks for millions of fields, runs a resolver a thousand times, or reads the whole schema.",
        "Put the application behind harden(app) and name the path in graphql.paths.",
        (770, 400),
    )

    def found(
        self,
        message: str,
        location: Location,
        *,
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
        snippet: str = "",
    ) -> Finding:
        """One finding of this rule. `snippet` tells findings of one place apart in their fingerprints."""
        text: Text = self.value
        return Finding(
            id=text.id,
            title=text.title,
            severity=severity or text.severity,
            message=message,
            consequence=text.consequence,
            remedy=text.remedy,
            reference=guideline_of(text.id),
            location=location,
            source=TOOL,
            cwe=text.cwe,
            owasp=owasp(text.cwe),
            asvs=asvs(text.cwe),
            confidence=confidence,
            snippet=f"{location.key} {snippet}" if snippet else "",
        )


def at(path: Path | None, line: int | None, key: str) -> Location:
    """A place in a source file, with the route or name that is meant; the route alone where there is no source."""
    return Location.within(_root(path.parent), path, line=line, key=key) if path else Location(key=key)


def _root(folder: Path) -> Path:
    """What a path is told from: the working folder, or the folder that Python imports it from."""
    if folder.is_relative_to(Path.cwd()):
        return Path()
    found = [Path(place) for place in sys.path if place and folder.is_relative_to(place)]
    return max(found, key=lambda one: len(one.parts), default=folder)
