"""Rules on what a client sends and where it ends up: G1xx. Ids are never used again."""

from __future__ import annotations

from typing import Final

from ..findings.severity import Severity
from .routes_catalogue import Text

_HIGH, _MEDIUM = Severity.HIGH, Severity.MEDIUM

SQL: Final = Text(
    "G101", "Client text in SQL", _HIGH, "Data is read, changed or deleted.",
    "Bind values as parameters; take names of columns from a list (garrison.inputs.queries.identifier).", (89,),
)  # fmt: skip
COMMAND: Final = Text(
    "G102", "Client text in a command", _HIGH, "Commands of the attacker's choice run.",
    "Pass a list of arguments without a shell, each checked against a list, with `--` before what a client chose.",
    (78,),
)  # fmt: skip
CODE: Final = Text(
    "G103", "Client text run as code", _HIGH, "The process does what the attacker writes.",
    "Parse instead: ast.literal_eval, json.loads, or a table of functions by name.", (95,),
)  # fmt: skip
TEMPLATE: Final = Text(
    "G104", "Client text as a template", _HIGH, "Templates reach objects, files and commands.",
    "Keep templates in files, pass what the client sent as values; for users' own templates SandboxedEnvironment.",
    (1336,),
)  # fmt: skip
HTML: Final = Text(
    "G105", "Client text in HTML", _HIGH, "Script of the attacker runs in visitors' browsers.",
    "Render a template with autoescape, or html.escape() each value.", (79,),
)  # fmt: skip
FILE: Final = Text(
    "G106", "Client text in a file path", _HIGH, "`../` and absolute paths lead to any file.",
    "Look the file up by an id; or resolve() the path and refuse it unless it is_relative_to() its folder.", (22,),
)  # fmt: skip
FETCH: Final = Text(
    "G107", "Address fetched that a client chose", _HIGH, "The server asks its own network for them.",
    "Use garrison.inputs.fetch, or take the address from a list.", (918,),
)  # fmt: skip
REDIRECT: Final = Text(
    "G108", "Redirect to where the client says", _HIGH, "Your link leads to anybody's page.",
    "Look the target up in a list, or refuse what is not one slash and a name.", (601,),
)  # fmt: skip
LDAP: Final = Text(
    "G109", "Client text in an LDAP filter", _HIGH, "The filter finds other people's entries.",
    "ldap.filter.escape_filter_chars() each value.", (90,),
)  # fmt: skip
XPATH: Final = Text(
    "G110", "Client text in XPath", _HIGH, "The expression finds other nodes.",
    "Pass values as XPath variables: xpath('//a[@n=$n]', n=value).", (643,),
)  # fmt: skip
REGEX: Final = Text(
    "G111", "Pattern that a client chose", _MEDIUM, "One pattern keeps a processor busy for hours.",
    "Search for plain text, re.escape() it, or use an engine without backtracking.", (1333,),
)  # fmt: skip
HEADER: Final = Text(
    "G112", "Client text in a header", _MEDIUM, "Line ends and quotes make headers of their own.",
    "urllib.parse.quote() the value; garrison.fastapi.download for file names.", (113,),
)  # fmt: skip
LOG_LINE: Final = Text(
    "G113", "Client text in a line of a log file", _MEDIUM, "Forged entries, and none to trust.",
    "Write one JSON object a line, or log the value as an argument, through a formatter that escapes.", (117,),
)  # fmt: skip
IMPORT: Final = Text(
    "G114", "Module that a client chose", _HIGH, "Any module on the path runs.",
    "A table of functions by name.", (470,),
)  # fmt: skip
DESERIALISE: Final = Text(
    "G115", "Client data made into objects", _HIGH, "Making the object runs code.",
    "JSON with a model; safetensors for weights; yaml.safe_load.", (502,),
)  # fmt: skip
MASS: Final = Text(
    "G116", "Attributes that a client names", _HIGH, "Clients set fields nobody meant to offer.",
    "A model with the fields you mean.", (915,),
)  # fmt: skip
NOSQL: Final = Text(
    "G117", "Client text as a database expression", _HIGH, "The query runs script of the attacker.",
    "Plain field comparisons; never $where with text from outside.", (943,),
)  # fmt: skip
TRUSTED_HEADER: Final = Text(
    "G118", "Right taken from a header", _HIGH, "Whoever sends the header has the right.",
    "A verified credential: a session, a key or a signed token (garrison.fastapi: logged_in, scope).", (290,),
)  # fmt: skip
UPLOAD_NAME: Final = Text(
    "G119", "File stored under the client's name", _HIGH, "Files land and run where chosen.",
    "Choose the name yourself (secrets.token_hex); garrison.fastapi.UploadPolicy judges the content.", (434, 22),
)  # fmt: skip
