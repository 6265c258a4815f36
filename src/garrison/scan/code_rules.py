"""The rules of the built-in code scan: id, severity, what an attacker gets, what to do. Ids are never used again."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .guidelines import guideline_of
from .routes_catalogue import Text
from .taxonomy import asvs, owasp

TOOL: Final = "code"
_HIGH, _MEDIUM, _LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def _text(id: str, title: str, severity: Severity, cwe: tuple[int, ...], consequence: str, remedy: str) -> Text:
    return Text(id, title, severity, consequence, remedy, cwe)


class Hole(Enum):
    """All rules. G1xx follow what a client sends, G2xx look at calls, G3xx at other files."""

    SQL = _text(
        "G101",
        "Client text in SQL",
        _HIGH,
        (89,),
        "Data is read, changed or deleted.",
        "Bind values as parameters; take names of columns from a list (garrison.inputs.queries.identifier).",
    )
    COMMAND = _text(
        "G102",
        "Client text in a command",
        _HIGH,
        (78,),
        "Commands of the attacker's choice run.",
        "Pass a list of arguments without a shell, each checked against a list, with `--` before what a client chose.",
    )
    CODE = _text(
        "G103",
        "Client text run as code",
        _HIGH,
        (95,),
        "The process does what the attacker writes.",
        "Parse instead: ast.literal_eval, json.loads, or a table of functions by name.",
    )
    TEMPLATE = _text(
        "G104",
        "Client text as a template",
        _HIGH,
        (1336,),
        "Templates reach objects, files and commands.",
        "Keep templates in files, pass what the client sent as values; for users' own templates SandboxedEnvironment.",
    )
    HTML = _text(
        "G105",
        "Client text in HTML",
        _HIGH,
        (79,),
        "Script of the attacker runs in visitors' browsers.",
        "Render a template with autoescape, or html.escape() each value.",
    )
    FILE = _text(
        "G106",
        "Client text in a file path",
        _HIGH,
        (22,),
        "`../` and absolute paths lead to any file.",
        "Look the file up by an id; or resolve() the path and refuse it unless it is_relative_to() its folder.",
    )
    FETCH = _text(
        "G107",
        "Address fetched that a client chose",
        _HIGH,
        (918,),
        "The server asks its own network for them.",
        "Use garrison.inputs.fetch, or take the address from a list.",
    )
    REDIRECT = _text(
        "G108",
        "Redirect to where the client says",
        _HIGH,
        (601,),
        "Your link leads to anybody's page.",
        "Look the target up in a list, or refuse what is not one slash and a name.",
    )
    LDAP = _text(
        "G109",
        "Client text in an LDAP filter",
        _HIGH,
        (90,),
        "The filter finds other people's entries.",
        "ldap.filter.escape_filter_chars() each value.",
    )
    XPATH = _text(
        "G110",
        "Client text in XPath",
        _HIGH,
        (643,),
        "The expression finds other nodes.",
        "Pass values as XPath variables: xpath('//a[@n=$n]', n=value).",
    )
    REGEX = _text(
        "G111",
        "Pattern that a client chose",
        _MEDIUM,
        (1333,),
        "One pattern keeps a processor busy for hours.",
        "Search for plain text, re.escape() it, or use an engine without backtracking.",
    )
    HEADER = _text(
        "G112",
        "Client text in a header",
        _MEDIUM,
        (113,),
        "Line ends and quotes make headers of their own.",
        "urllib.parse.quote() the value; garrison.fastapi.download for file names.",
    )
    LOG_LINE = _text(
        "G113",
        "Client text in a line of a log file",
        _MEDIUM,
        (117,),
        "Forged entries, and none to trust.",
        "Write one JSON object a line, or log the value as an argument, through a formatter that escapes.",
    )
    IMPORT = _text(
        "G114",
        "Module that a client chose",
        _HIGH,
        (470,),
        "Any module on the path runs.",
        "A table of functions by name.",
    )
    DESERIALISE = _text(
        "G115",
        "Client data made into objects",
        _HIGH,
        (502,),
        "Making the object runs code.",
        "JSON with a model; safetensors for weights; yaml.safe_load.",
    )
    MASS = _text(
        "G116",
        "Attributes that a client names",
        _HIGH,
        (915,),
        "Clients set fields nobody meant to offer.",
        "A model with the fields you mean.",
    )
    NOSQL = _text(
        "G117",
        "Client text as a database expression",
        _HIGH,
        (943,),
        "The query runs script of the attacker.",
        "Plain field comparisons; never $where with text from outside.",
    )
    TRUSTED_HEADER = _text(
        "G118",
        "Right taken from a header",
        _HIGH,
        (290,),
        "Whoever sends the header has the right.",
        "A verified credential: a session, a key or a signed token (garrison.fastapi: logged_in, scope).",
    )
    UPLOAD_NAME = _text(
        "G119",
        "File stored under the client's name",
        _HIGH,
        (434, 22),
        "Files land and run where chosen.",
        "Choose the name yourself (secrets.token_hex); garrison.fastapi.UploadPolicy judges the content.",
    )

    LOADS = _text(
        "G201",
        "Deserialiser that runs code",
        _MEDIUM,
        (502,),
        "Whoever writes the data runs code.",
        "JSON with a model, or a signature checked before.",
    )
    SHELL = _text(
        "G202",
        "Shell with text put together",
        _MEDIUM,
        (78,),
        "What stands in the text becomes a command.",
        "Pass a list of arguments, without shell=True.",
    )
    EVAL = _text(
        "G203",
        "eval or exec of something not written here",
        _HIGH,
        (95,),
        "Whoever writes the text runs code.",
        "Parse instead, or call a function by name from a table.",
    )
    FETCHED_CODE = _text(
        "G204",
        "Code installed or run at run time",
        _HIGH,
        (494,),
        "Who controls the source runs code here.",
        "Ship and lock it with hashes; verify a signature before use.",
    )
    UNPACK = _text(
        "G205",
        "Archive unpacked anywhere",
        _HIGH,
        (22,),
        "Members with `../` write outside the folder.",
        "tarfile: extractall(…, filter='data').",
    )
    MODE = _text(
        "G206",
        "File that everybody may write",
        _MEDIUM,
        (732,),
        "Any local user changes it.",
        "0o600 for secrets, 0o640 or 0o644 for the rest.",
    )
    CORS = _text(
        "G207",
        "CORS opens to every origin with credentials",
        _HIGH,
        (942,),
        "Any site acts as the visitor.",
        "List the origins; harden(app) refuses this combination.",
    )
    DEBUG = _text(
        "G208",
        "Debug mode on",
        _MEDIUM,
        (489,),
        "Tracebacks and values reach clients.",
        "Take it from a setting that is off in production.",
    )
    COOKIE = _text(
        "G209",
        "Cookie without Secure or HttpOnly",
        _MEDIUM,
        (614, 1004),
        "The network or script reads it.",
        "secure=True, httponly=True, samesite='lax'; harden(app) sets them.",
    )
    XML = _text(
        "G210",
        "XML parser that follows entities",
        _HIGH,
        (611,),
        "Files and internal pages are read out.",
        "defusedxml, or resolve_entities=False, no_network=True.",
    )
    WEAK_HASH = _text(
        "G211",
        "Broken hash",
        _MEDIUM,
        (328,),
        "Collisions are made in seconds.",
        "SHA-256 or BLAKE2; usedforsecurity=False where it is no matter of security.",
    )
    FAST_HASH = _text(
        "G212",
        "Password hashed with a fast function",
        _HIGH,
        (916,),
        "A leaked table is guessed in hours.",
        "garrison.accounts hashes passwords with argon2id.",
    )
    CIPHER = _text(
        "G213",
        "Broken cipher or mode",
        _HIGH,
        (327,),
        "Patterns or plaintext show.",
        "AESGCM or ChaCha20Poly1305 of cryptography.",
    )
    NONCE = _text(
        "G214",
        "Nonce that is always the same",
        _HIGH,
        (323, 329),
        "Two messages give both away.",
        "os.urandom(12) for each message.",
    )
    RANDOM = _text(
        "G215",
        "Secret from a guessable source",
        _HIGH,
        (338, 330),
        "The next value can be computed.",
        "The module secrets.",
    )
    TLS = _text(
        "G216",
        "Certificate not verified",
        _HIGH,
        (295,),
        "Whoever stands between reads and writes.",
        "Leave verification on; name a CA file for private ones.",
    )
    KEY_SIZE = _text(
        "G217",
        "Key too short",
        _HIGH,
        (326,),
        "The private key can be computed.",
        "RSA and DSA from 2048 (better 3072) bits, or Ed25519.",
    )
    PLAIN = _text(
        "G218",
        "Protocol without encryption",
        _MEDIUM,
        (319,),
        "Passwords and data are read on the way.",
        "FTP_TLS or SFTP, SSH, SMTP with starttls, IMAP4_SSL.",
    )
    JWT_CHECK = _text(
        "G219",
        "Token accepted without its signature",
        _HIGH,
        (347,),
        "Anybody is anybody.",
        "jwt.decode with key, algorithms and audience; garrison.accounts verifies bearer tokens.",
    )
    JWT_END = _text(
        "G220",
        "Token that never ends",
        _MEDIUM,
        (613,),
        "A stolen token works for ever.",
        "An `exp` of minutes, and a way to revoke.",
    )
    SECRET = _text(
        "G221",
        "Secret in the source",
        _HIGH,
        (798,),
        "Whoever reads the source has it, and its history.",
        "Take it out of the environment or a vault (garrison secrets), and change it now.",
    )
    TIMING = _text(
        "G222",
        "Secret compared step by step",
        _MEDIUM,
        (208,),
        "The time tells how much was right.",
        "hmac.compare_digest or secrets.compare_digest.",
    )
    AUTOESCAPE = _text(
        "G223",
        "Templates without escaping",
        _HIGH,
        (79,),
        "Script in any value runs in browsers.",
        "autoescape=True or select_autoescape().",
    )
    LOGGED = _text(
        "G224",
        "Secret in a log",
        _HIGH,
        (532,),
        "Who reads logs has the secret.",
        "Leave it out; log who and what, not with which secret.",
    )
    SWALLOWED = _text(
        "G225",
        "Failure that nobody sees",
        _LOW,
        (390, 778),
        "Attacks and faults pass unnoticed.",
        "Catch what you expect, log it as an event, and end the way that fails secure.",
    )
    FAIL_OPEN = _text(
        "G226",
        "Check that opens when it fails",
        _HIGH,
        (636,),
        "Break the check, and everything is allowed.",
        "Return False or raise in the handler.",
    )
    TRACE = _text(
        "G227",
        "Inner detail in an answer",
        _MEDIUM,
        (209,),
        "Paths, versions and data help the next attack.",
        "Log the error, answer with a number to ask about; harden(app) holds back 500s.",
    )
    ASSERT = _text(
        "G228", "Right checked by assert", _MEDIUM, (617,), "python -O takes the check away.", "if not …: raise."
    )
    TEMPORARY = _text(
        "G229",
        "Temporary name that others can take",
        _MEDIUM,
        (377,),
        "A link put there first gets the data.",
        "tempfile.NamedTemporaryFile or mkstemp.",
    )

    INDEX = _text(
        "G301",
        "Packages from an unprotected or second index",
        _HIGH,
        (427, 829),
        "Who owns a name there runs code here.",
        "One index over TLS, hashes for every package (--require-hashes).",
    )
    PIPED = _text(
        "G302",
        "Code from the network into the image, unchecked",
        _HIGH,
        (494,),
        "Who controls the address runs code in the image.",
        "Download a fixed version, compare its hash, then run it.",
    )

    @property
    def id(self) -> str:
        """The stable id: `G101`."""
        text: Text = self.value
        return text.id

    def found(self, message: str, location: Location, *, confidence: Confidence = Confidence.HIGH) -> Finding:
        """One finding of this rule."""
        text: Text = self.value
        return Finding(
            id=text.id, title=text.title, severity=text.severity, message=message, consequence=text.consequence,
            remedy=text.remedy, reference=guideline_of(text.id), location=location, source=TOOL, cwe=text.cwe,
            owasp=owasp(text.cwe), asvs=asvs(text.cwe), confidence=confidence,
        )  # fmt: skip
