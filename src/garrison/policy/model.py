"""The policy: frozen models, one section per defence.

The defaults written here are the `browser` preset; other presets are differences from it (`presets.py`). A section's
name is the name of its layer, its test file and its page in the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from .links import check_link_name
from .section import Frozen as Frozen
from .section import Names as Names
from .section import Section as Section
from .section_acme import AcmeSection
from .section_alerts import AlertsSection
from .section_audit import AuditSection
from .section_aws import AwsSection
from .section_body import BodySection
from .section_detection import DetectionSection
from .section_edge import EdgeSection
from .section_export import ExportTable
from .section_graphql import GraphqlSection
from .section_incidents import IncidentsSection
from .section_reactions import ReactionsSection
from .section_scan import ScanSection
from .section_secrets import SecretsSection
from .section_suppressions import SuppressionTable
from .section_uploads import UploadsSection
from .section_vault import VaultSection
from .store_address import check_store
from .units import Bytes, Rate, Seconds

Choice = Literal["refuse", "pass"]


class HostSection(Section):
    """Which Host a request may name (the names themselves are the top-level `hosts`)."""

    ports: tuple[int, ...] = ()
    """Ports a Host header may carry; empty allows any."""
    allow_ip: bool = False
    """Let probes with an IP literal as Host through. Only for route classes with `health = true`."""


class ClientSection(Section):
    """How the client address is found (the trusted proxies are the top-level `proxies`)."""

    header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The forwarding header that the proxies write."""
    ipv6_prefix: Annotated[int, Field(ge=32, le=128)] = 64
    """An IPv6 client is this network: limits and bans count it as one."""
    allow_insecure_direct_proxy: bool = False
    """Accept requests from a trusted proxy that carry no forwarding header; nobody is charged for them."""


class BansSection(Section):
    """Who was told to stay away: the ban list (`garrison bans`) and its exceptions."""

    allow: Names = ()
    """Who is never banned: addresses, networks, `principal:ID`."""
    most: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Bans kept at once."""


class ControlSection(Section):
    """The operator's switches."""

    read_only: bool = False
    """Refuse every method with side effects (503)."""
    disabled: bool = False
    """Refuse everything (503); meant for route classes."""
    retry_after: Seconds = 300.0
    """What clients are told to wait."""


class MethodSection(Section):
    """Methods the application may see. TRACE and CONNECT never pass."""

    allow: Names = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    """Methods that reach the application; others are answered 405."""


class TargetSection(Section):
    """The request target: its length and what two parsers may read differently."""

    max_length: Bytes = 8192
    """Bytes of path and query together."""
    control_characters: Choice = "refuse"
    """NUL, line breaks and their like in the path."""
    encoded_slash: Choice = "refuse"
    """%2F in the path."""
    backslash: Choice = "refuse"
    """A backslash in the path, bare or encoded."""
    dot_segments: Choice = "refuse"
    """`.` and `..` as segments, however they are written."""
    empty_segments: Choice = "refuse"
    """`//` in the path."""
    double_encoding: Choice = "refuse"
    """An escape inside an escape: %252e."""
    invalid_utf8: Choice = "refuse"
    """Path bytes that are not UTF-8."""
    malformed_percent: Choice = "refuse"
    """`%` without two hexadecimal digits."""


class SizeSection(Section):
    """Sizes of the header block and the body, counted as they arrive."""

    header_count: Annotated[int, Field(ge=8)] = 100
    """Header lines of a request."""
    header_bytes: Bytes = 32 * 1024
    """Bytes of all header lines together."""
    body: Bytes = 1024**2
    """Bytes of a body, counted as they arrive."""
    decompress: tuple[Literal["gzip", "deflate"], ...] = ()
    """Content-Encodings to decode under caps; any other encoding is 415."""
    decompressed: Bytes = 10 * 1024**2
    """Bytes of a body after decoding."""
    ratio: Annotated[int, Field(ge=2)] = 100
    """How many times larger than the encoded body the decoded one may be."""


class ContentSection(Section):
    """Content types a body may have; `*` at the end of a type matches the rest."""

    types: Names = (
        "application/json",
        "application/*+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    )
    """Content types that a body may have."""
    charsets: Names = ("utf-8", "us-ascii")
    """Character sets that a Content-Type may name."""
    require_type: bool = True
    """Refuse a body without Content-Type."""


class RateSection(Section):
    """Requests per time (GCRA). Several limits hold at once; a route class's own limits count apart."""

    address: tuple[Rate, ...] = (Rate(600, 60.0, 200),)
    """For each client address (or IPv6 network)."""
    principal: tuple[Rate, ...] = (Rate(1200, 60.0, 400),)
    """For each logged-in user."""
    api_key: tuple[Rate, ...] = ()
    """Instead of `principal` for principals of the kind "api-key"; empty uses `principal`."""
    max_keys: Annotated[int, Field(ge=1000)] = 1_000_000
    """Clients remembered at once; memory stays bounded by it."""
    headers: bool = True
    """Tell clients their limits in RateLimit headers."""


class LoadSection(Section):
    """How much at once: in each process, from one client and altogether."""

    requests: Annotated[int, Field(ge=1)] = 100
    """Requests of one client (or IPv6 network) in progress at once, streams included."""
    websockets: Annotated[int, Field(ge=1)] = 100
    """WebSocket connections of one client at once."""
    weight: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many a request counts for; for route classes. 0: it is not counted and always finds room."""
    delay: Annotated[Seconds, Field(ge=0.01)] = 0.05
    """How late the event loop may be for half a second before requests are turned away; the same for all routes."""
    least: Annotated[int, Field(ge=1)] = 32
    """Requests in progress that are let in however late it is, in fair shares; the same for all routes."""
    most: Annotated[int, Field(ge=1)] = 1000
    """Requests in progress that are let in when nothing is late; the same for all routes."""


class CorsSection(Section):
    """Who may read answers from another origin (Fetch standard, CORS protocol)."""

    origins: Names = ()
    """Origins whose scripts may read answers, written whole: `https://app.example.com`."""
    methods: Names = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    """Methods they may use."""
    headers: Names = ("content-type", "authorization", "x-csrf-token")
    """Request headers they may send."""
    expose: Names = ("ratelimit", "ratelimit-policy", "retry-after", "x-request-id")
    """Response headers they may read."""
    credentials: bool = False
    """Whether their requests may carry cookies."""
    max_age: Seconds = 600.0
    """How long browsers may remember a preflight."""
    development_ports: tuple[int, ...] = ()
    """Ports of front-end development servers on localhost over http; read in development only."""


class OriginSection(Section):
    """Where a request with side effects may come from: Fetch Metadata and whole origins."""

    trusted: Names = ()
    """Other origins allowed to send such requests (`https://app.example.com`)."""


class CsrfSection(Section):
    """Signed double-submit token bound to the session (OWASP CSRF Prevention Cheat Sheet)."""

    require: Literal["ambient", "always"] = "ambient"
    """"ambient": where cookies, Basic/Negotiate or a client certificate came along; "always": for log-in routes."""
    cookie: str = "__Host-csrf"
    """Name of the token's cookie."""
    lifetime: Seconds = 8 * 3600.0
    """How long a token is good for."""


class Hsts(Frozen):
    """Strict-Transport-Security (RFC 6797). Subdomains and preload can break siblings: explicit keys."""

    max_age: Seconds = 63_072_000.0
    """How long browsers insist on https."""
    include_subdomains: bool = False
    """For all hosts below this one too; they must all serve https."""
    preload: bool = False
    """Ask for the browsers' built-in list; hard to undo."""

    @property
    def header(self) -> str:
        """The header's value (RFC 6797 section 6.1)."""
        parts = [f"max-age={int(self.max_age)}"]
        parts += ["includeSubDomains"] if self.include_subdomains else []
        parts += ["preload"] if self.preload else []
        return "; ".join(parts)


class HeadersSection(Section):
    """Response headers that depend on policy alone. An empty string leaves the header to the application."""

    hsts: Hsts | None = Hsts()
    """Browsers insist on https (never sent for loopback and IP addresses)."""
    referrer_policy: str = "no-referrer"
    """What other sites learn about where a visitor came from."""
    cross_origin_opener_policy: str = "same-origin"
    """Other sites' windows get no hold of ours."""
    cross_origin_embedder_policy: str = "require-corp"
    """Our pages load only what agrees to be embedded."""
    cross_origin_resource_policy: str = "same-origin"
    """Who may embed our answers."""
    origin_agent_cluster: bool = True
    """Ask the browser for a process of our own."""
    frame_options: Literal["DENY", "SAMEORIGIN", ""] = "DENY"
    """Who may frame our pages, for browsers without CSP."""
    permitted_cross_domain_policies: str = "none"
    """For Flash and PDF readers."""
    dns_prefetch_control: str = "off"
    """Whether links are resolved before they are followed."""
    permissions: Mapping[str, str] = Field(
        default_factory=lambda: dict.fromkeys(
            (
                "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media",
                "fullscreen", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone",
                "midi", "payment", "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial",
                "sync-xhr", "usb", "xr-spatial-tracking",
            ),
            "()",
        )
    )  # fmt: skip
    """Permissions-Policy: feature to allow-list, `()` closes it."""
    remove: Names = ("server", "x-powered-by")
    """Headers of the application or server that are taken out."""


class CspSection(Section):
    """Content-Security-Policy Level 3. `'nonce'` stands for the per-request nonce. Mode "monitor" is report-only."""

    directives: Mapping[str, Names] = Field(
        default_factory=lambda: {
            "default-src": ("'none'",),
            "script-src": ("'nonce'", "'strict-dynamic'"),
            "style-src": ("'self'", "'nonce'"),
            "img-src": ("'self'", "data:"),
            "font-src": ("'self'",),
            "connect-src": ("'self'",),
            "media-src": ("'self'",),
            "manifest-src": ("'self'",),
            "worker-src": ("'self'",),
            "frame-src": ("'none'",),
            "object-src": ("'none'",),
            "base-uri": ("'none'",),
            "form-action": ("'self'",),
            "frame-ancestors": ("'none'",),
            "require-trusted-types-for": ("'script'",),
            "upgrade-insecure-requests": (),
        }
    )
    """Directive to its sources. Naming one changes that one; the others stay."""
    without: Names = ()
    """Directives to leave out, such as `require-trusted-types-for`."""
    trusted_types: Annotated[str, Field(pattern=r"^([A-Za-z][A-Za-z0-9_-]{0,63})?$")] = ""
    """Name of the Trusted Types policy that the script `trusted-types.js` makes; pages can then make no other."""
    report: bool = True
    """Send violation reports to the reports endpoint."""

    @property
    def in_force(self) -> Mapping[str, Names]:
        """The directives that are sent."""
        found = {name: sources for name, sources in self.directives.items() if name not in self.without}
        if self.trusted_types:
            found = {"require-trusted-types-for": ("'script'",), **found}
            found["trusted-types"] = (self.trusted_types,)
        return found


class CacheSection(Section):
    """`Cache-Control: no-store` where answers may hold personal content."""

    no_store: Literal["authenticated", "always"] = "authenticated"
    """For logged-in users only, or on every answer."""


class CookiesSection(Section):
    """Upgrade of every `Set-Cookie` the application sends (RFC 6265bis)."""

    secure: bool = True
    """Make cookies Secure."""
    http_only: bool = True
    """Make cookies HttpOnly, except those that scripts must read."""
    same_site: Literal["Strict", "Lax", "None", ""] = "Lax"
    """SameSite for cookies that name none; empty leaves them."""
    readable: Names = ("csrftoken", "csrf_token", "XSRF-TOKEN", "_xsrf")
    """Cookies that scripts must read: never made HttpOnly. Names that look like CSRF cookies are spared too."""
    leave: Names = ()
    """Cookies left exactly as they are."""


class ErrorsSection(Section):
    """Answers to errors: problem+json (RFC 9457) or a small page, nothing leaks."""

    validation: Literal["safe", "pass"] = "safe"
    """Rewrite FastAPI's 422 bodies: field and rule, never the input."""
    unhandled: Literal["safe", "pass"] = "safe"
    """Replace the body of unhandled errors: nothing of stack, versions or paths leaks."""


class WebsocketSection(Section):
    """Messages on accepted WebSocket connections."""

    message: Bytes = 64 * 1024
    """Bytes of one message."""
    messages: Rate = Rate(600, 60.0, 120)
    """Messages on one connection."""


class ReportsSection(Section):
    """The endpoint for browser reports (CSP, COOP/COEP, deprecation): `<prefix>reports`."""

    body: Bytes = 64 * 1024
    """Bytes of one delivery."""
    address: tuple[Rate, ...] = (Rate(60, 60.0, 30),)
    """Deliveries from each client address."""
    max_reports: Annotated[int, Field(ge=1, le=100)] = 20
    """Reports read from one delivery."""


class EventsSection(Frozen):
    """Where security events go. One JSON object per line; secrets and personal data are redacted first."""

    output: str = "stderr"
    """"stderr", "none", or a file path. In development, at a terminal, "stderr" writes lines for reading, not JSON."""
    store: bool = True
    """Keep events in the state folder's SQLite file, for `garrison report` and `garrison events`."""
    keep: Annotated[int, Field(ge=100)] = 100_000
    """Events kept in the store; the oldest go first."""
    age: Annotated[Seconds, Field(ge=0)] = 90 * 86400.0
    """How long the store keeps an event at most; 0 for as long as there is room."""
    queue: Annotated[int, Field(ge=100)] = 10_000
    """Events that may wait to be written; beyond it they are dropped and counted."""
    exports: tuple[ExportTable, ...] = ()
    """Receivers of events: `[[events.exports]]`."""
    redact: Names = ()
    """Further field names whose values are never written."""


class OperatorSection(Frozen):
    """How the operator comes in when others do not: exempt from bans and load limits."""

    listen: Names = ()
    """Sockets only the operator can reach: `127.0.0.1:9443`, `unix:/run/app/operator.sock`."""


class ServeSection(Frozen):
    """`garrison serve`: its TLS, and how long and how much one connection may ask of it."""

    profile: Literal["intermediate", "modern"] = "intermediate"
    """Mozilla's TLS profile: modern is TLS 1.3 only."""
    handshake: Annotated[Seconds, Field(gt=0)] = 10.0
    """A TLS handshake is done in this time."""
    header: Annotated[Seconds, Field(gt=0)] = 10.0
    """A request's header block is here in this time, counted from the connection or from its first byte."""
    body_grace: Annotated[Seconds, Field(gt=0)] = 10.0
    """The stretch of time that `body_rate` is measured over, again and again."""
    body_rate: Annotated[Bytes, Field(ge=1)] = 500
    """Bytes per second that a body arrives with; time in which the application does not read is not counted."""
    write_grace: Annotated[Seconds, Field(gt=0)] = 20.0
    """The stretch of time that `write_rate` is measured over, again and again."""
    write_rate: Annotated[Bytes, Field(ge=1)] = 500
    """Bytes per second that a client takes an answer with, once buffers are full."""
    keep_alive: Annotated[Seconds, Field(gt=0)] = 30.0
    """How long a connection may be idle between requests."""
    connections: Annotated[int, Field(ge=1)] = 256
    """Connections of one client (or IPv6 network) at once; trusted proxies are not counted."""
    ping: Annotated[Seconds, Field(gt=0)] = 20.0
    """WebSocket peers are pinged this often, and answer within the same time."""
    queue: Annotated[int, Field(ge=1)] = 512
    """WebSocket messages that may wait for the application."""
    shutdown: Annotated[Seconds, Field(gt=0)] = 30.0
    """Requests in progress have this long to finish when the server is asked to stop."""
    health: str = ""
    """Where health and readiness are told, apart from the application: `127.0.0.1:9090`, `unix:/run/app/health`."""
    writable: Names = ()
    """Folders beside the state that workers in the sandbox may write to."""
    secret_environment: Names = ()
    """Further variables that hold secrets, which /proc and child processes are not to see: `SHOP_*`."""
    allow_insecure_environment: bool = False
    """Leave secrets in the environment, where child processes and /proc/PID/environ show them."""


class SessionSection(Frozen):
    """The session that `garrison.accounts` keeps."""

    cookie: str = "__Host-session"
    """Name of the session cookie."""
    same_site: Literal["Strict", "Lax", "None"] = "Lax"
    """Whether it goes along with requests from other sites."""
    idle: Seconds = 1800.0
    """A session ends after this long without a request."""
    absolute: Seconds = 12 * 3600.0
    """A session ends after this long in any case."""
    most: Annotated[int, Field(ge=0)] = 20
    """Sessions one user may have at once; at a further log-in the one unused for longest ends. 0: no limit."""


class PasswordsSection(Frozen):
    """How passwords are judged and hashed (NIST SP 800-63B-4, section 3.1.1; RFC 9106)."""

    profile: str = "interactive"
    """Cost of argon2id: interactive, modest, strong, or testing (refused in production), with or without its date."""
    min_length: Annotated[int, Field(ge=8)] = 15
    """Characters of a new password that is the only factor."""
    min_length_second_factor: Annotated[int, Field(ge=8)] = 8
    """Characters of a new password that a second factor stands beside."""
    max_length: Annotated[int, Field(ge=64, le=4096)] = 256
    """Characters of a password; a longer one is never hashed."""
    service_names: Names = ()
    """Words a password must not be made of, besides the names in `hosts`: the service, the company."""
    breached: str = ""
    """File of breached passwords, made by `garrison.accounts.build_filter`; empty: the short built-in list alone."""
    range_service: str = ""
    """Address of a k-anonymity service to ask about new passwords, such as `https://…/range/`; empty asks nobody."""
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Hashes computed at once; each takes the memory of the profile."""
    waiting: Annotated[int, Field(ge=1)] = 32
    """Hashes that may wait for a thread; beyond it log-ins are answered 503."""


class LoginSection(Frozen):
    """How many failed log-ins are borne (NIST SP 800-63B-4, section 3.2.2; OWASP device cookies)."""

    free: Annotated[int, Field(ge=1, le=20)] = 5
    """Failures at one account from one address (or IPv6 network) before waiting begins."""
    account_free: Annotated[int, Field(ge=1, le=100)] = 20
    """Failures at one account from all untrusted devices together before waiting begins."""
    wait: Seconds = 30.0
    """The first wait; each further one is up to four times as long."""
    longest_wait: Seconds = 3600.0
    """Waits grow to this."""
    failures: Annotated[int, Field(ge=10, le=100)] = 100
    """Consecutive failures at one account from untrusted devices; then they need recovery or a second factor."""
    address: tuple[Rate, ...] = (Rate(60, 3600.0, 20),)
    """Failures from one address, whatever the account."""
    spray: Rate = Rate(120, 60.0, 120)
    """Failures everywhere together; above it untrusted devices have one attempt before they wait."""
    recovery: tuple[Rate, ...] = (Rate(3, 3600.0, 3),)
    """Requests to recover (or confirm) one account, so that nobody's mailbox is flooded."""
    requests: tuple[Rate, ...] = (Rate(20, 3600.0, 10),)
    """Sign-ups and recovery requests from one address."""
    recovery_lifetime: Seconds = 900.0
    """How long a recovery token is good for."""
    device_cookie: Annotated[str, Field(pattern=r"^__Host-[A-Za-z0-9_-]{1,64}$")] = "__Host-device"
    """Name of the cookie that knows a trusted device."""
    device_lifetime: Seconds = 180 * 86400.0
    """How long a device is trusted after a full log-in."""
    device_failures: Annotated[int, Field(ge=1, le=10)] = 10
    """Consecutive failures after which a device is trusted no more."""


class SecondFactorSection(Frozen):
    """One-time codes and recovery codes (RFC 6238; NIST SP 800-63B-4, sections 3.1.2, 3.1.4 and 3.2.2)."""

    issuer: Annotated[str, Field(max_length=64, pattern=r"^[^:\x00-\x1f]*$")] = "Garrison"
    """What authenticator apps show beside the account: the name of your service."""
    attempts: tuple[Rate, ...] = (Rate(10, 3600.0, 5), Rate(30, 86400.0, 30))
    """One-time codes looked at for one account; a right one makes it whole again."""
    failures: Annotated[int, Field(ge=10, le=100)] = 100
    """Consecutive wrong one-time codes; then only a recovery code lets in."""
    recovery_codes: Annotated[int, Field(ge=4, le=50)] = 10
    """Recovery codes handed out at once."""


class ApiKeysSection(Frozen):
    """API keys in `Authorization: Bearer`."""

    accept: bool = False
    """Take API keys as credentials, besides sessions."""
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{1,15}$")] = "garrison"
    """What keys begin with, so that scanners know whose they are."""
    lifetime: Seconds = 90 * 86400.0
    """How long a key is good for, unless it is made with a shorter life."""
    most: Annotated[int, Field(ge=1, le=100)] = 20
    """Live keys of one owner."""


class BearerSection(Frozen):
    """JSON Web Tokens in `Authorization: Bearer` (RFC 9068, RFC 8725). Off without an issuer."""

    issuer: str = ""
    """Who makes the tokens: their `iss`, exactly, an https address. Empty takes no tokens."""
    audience: str = ""
    """Who they must be for: your API's name in their `aud`."""
    jwks: str = ""
    """Where the issuer's public keys are; empty asks the issuer's discovery document."""
    algorithms: Annotated[
        tuple[Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519"], ...],
        Field(min_length=1),
    ] = ("RS256", "ES256")
    """Signatures that are accepted. None with a shared secret is offered."""
    types: Annotated[Names, Field(min_length=1)] = ("at+jwt",)
    """What a token's `typ` may be; many issuers write "JWT" still."""
    leeway: Annotated[Seconds, Field(le=300)] = 30.0
    """How far clocks may differ."""
    longest: Seconds = 86400.0
    """A token that lives longer is refused: it can't be revoked."""


class AuthorisationSection(Frozen):
    """Every route says who may use it, or the application does not start (FastAPI and Starlette)."""

    declare: bool = False
    """Refuse to start while a route, mount or page does not declare its access."""
    public: Names = ()
    """Paths, as the start-up error writes them, of routes that are public and can't say so in code."""


SECTIONS: tuple[str, ...] = (
    "bans", "client", "control", "host", "method", "target", "size", "content", "rate", "load", "cors", "origin",
    "csrf", "body", "graphql", "headers", "csp", "cache", "cookies", "errors", "websocket", "reports",
)  # fmt: skip
"""Names of the defence sections, in the order requests meet them."""


class RouteClass(Frozen):
    """A set of paths with settings of its own. First match wins.

    `paths`: exact (`/login`), one segment (`/notes/*`), or everything below (`/api/**`). `methods`: empty for all.
    Sections given here are laid over the policy's.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """What events, limits and `garrison report` call the class."""
    paths: Annotated[Names, Field(min_length=1)]
    """Paths of the class: `/login`, `/notes/*` for one segment, `/api/**` for everything below."""
    methods: Names = ()
    """Methods of the class; empty for all."""
    health: bool = False
    """Named paths for probes: an IP Host is let through and no forwarding header is needed."""
    sections: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _collect(cls, raw: object) -> object:
        if not isinstance(raw, Mapping) or not isinstance(raw.get("sections", {}), Mapping):
            return raw
        own = {key: value for key, value in raw.items() if key not in SECTIONS}
        given = {key: value for key, value in raw.items() if key in SECTIONS}
        return {**own, "sections": {**dict(own.get("sections", {})), **given}} if given else own


class Policy(Frozen):
    """Everything Garrison is asked to do; `garrison explain` prints the effective values and where they came from."""

    preset: str = "browser"
    """browser, api, compat or testing, with or without its date."""
    environment: Literal["production", "development"] = "production"
    """development changes hosts, certificates and start-up strictness, never the preset."""
    hosts: Names = ()
    """Host names the application answers to: exact or `*.example.com`; IDN is written as it is read."""
    proxies: Names = ()
    """Networks (CIDR) of proxies whose forwarding headers are believed; "unix" for a Unix socket."""
    prefix: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~-]+/$")] = "/.garrison/"
    """Garrison's own paths: browser reports and the CSRF helper script."""
    state: str = ".garrison"
    """Folder for events and generated development keys (0700)."""
    key: str = ""
    """The root key: `env:NAME`, `file:/path` `sealed:NAME`; empty reads GARRISON_KEY, or makes one in development."""
    store: Annotated[str, AfterValidator(check_store)] = "embedded"
    """Where limits and sessions are kept: "embedded", "memory", or the address of a shared store."""
    processes: Annotated[int, Field(ge=1)] = 1
    """Worker processes on each machine; where they count apart (no shared store, or it is away) they share limits."""
    machines: Annotated[int, Field(ge=1)] = 1
    """Machines the application runs on. Several need a shared store; while it is away they share limits as well."""
    config: Annotated[str, Field(pattern=r"^(?:[\w.]+:\w+)?$")] = ""
    """The schema of the application's own configuration, for `garrison check` and `config`: `shop.settings:Shop`."""
    allow_insecure_link: tuple[Annotated[str, AfterValidator(check_link_name)], ...] = ()
    """Links that may be unencrypted or unverified: "store", "issuer", "audit", "export", "vault", "database", …"""

    bans: BansSection = BansSection()
    client: ClientSection = ClientSection()
    control: ControlSection = ControlSection()
    host: HostSection = HostSection()
    method: MethodSection = MethodSection()
    target: TargetSection = TargetSection()
    size: SizeSection = SizeSection()
    content: ContentSection = ContentSection()
    rate: RateSection = RateSection()
    load: LoadSection = LoadSection()
    cors: CorsSection = CorsSection()
    origin: OriginSection = OriginSection()
    csrf: CsrfSection = CsrfSection()
    headers: HeadersSection = HeadersSection()
    csp: CspSection = CspSection()
    cache: CacheSection = CacheSection()
    cookies: CookiesSection = CookiesSection()
    errors: ErrorsSection = ErrorsSection()
    body: BodySection = BodySection()
    graphql: GraphqlSection = GraphqlSection()
    websocket: WebsocketSection = WebsocketSection()
    reports: ReportsSection = ReportsSection()
    events: EventsSection = EventsSection()
    audit: AuditSection = AuditSection()
    detection: DetectionSection = DetectionSection()
    reactions: ReactionsSection = ReactionsSection()
    alerts: AlertsSection = AlertsSection()
    incidents: IncidentsSection = IncidentsSection()
    operator: OperatorSection = OperatorSection()
    serve: ServeSection = ServeSection()
    edge: EdgeSection = EdgeSection()
    acme: AcmeSection = AcmeSection()
    session: SessionSection = SessionSection()
    passwords: PasswordsSection = PasswordsSection()
    login: LoginSection = LoginSection()
    second_factor: SecondFactorSection = SecondFactorSection()
    api_keys: ApiKeysSection = ApiKeysSection()
    bearer: BearerSection = BearerSection()
    authorisation: AuthorisationSection = AuthorisationSection()
    uploads: UploadsSection = UploadsSection()
    secrets: SecretsSection = SecretsSection()
    vault: VaultSection = VaultSection()
    aws: AwsSection = AwsSection()
    routes: tuple[RouteClass, ...] = ()
    scan: ScanSection = ScanSection()
    suppressions: tuple[SuppressionTable, ...] = ()
    """Findings that are not reported, each for a reason and until a day: `[[suppressions]]`."""

    _route: RouteClass | None = PrivateAttr(default=None)
    _given: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    SECTIONS: ClassVar[tuple[str, ...]] = SECTIONS

    @model_validator(mode="wrap")
    @classmethod
    def _lay_over_preset(cls, raw: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        from .presets import apply_preset  # presets are values of this model: the import can't stand above it

        if not isinstance(raw, Mapping):
            return handler(raw)
        try:
            policy = handler(apply_preset(raw))
        except ValidationError as error:
            if info.context is not None:
                raise  # the loader asked for pydantic's own words: it knows the places in the file as well
            from .problems import invalid  # as above

            raise invalid(error) from None
        policy._given = dict(raw)
        return policy

    @property
    def given(self) -> Mapping[str, Any]:
        """What was written by hand: without defaults and preset values."""
        return self._given

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def route(self) -> RouteClass | None:
        """The route class this policy is effective for; None for the default class."""
        return self._route

    @property
    def route_name(self) -> str:
        return self._route.name if self._route else "default"

    @property
    def sharers(self) -> int:
        """How many processes share a limit where each counts for itself: it enforces limit / sharers."""
        return self.processes * self.machines

    def overrides(self, section: str) -> bool:
        """Whether the route class this policy is effective for has settings of its own for `section`."""
        return self._route is not None and section in self._route.sections

    def effective(self, route: RouteClass | None) -> Self:
        """This policy as it holds for `route`: its sections laid over the policy's. Raises pydantic.ValidationError."""
        if route is None:
            return self
        changed = {name: _overlay(getattr(self, name), own) for name, own in route.sections.items()}
        effective = self.model_copy(update=changed)
        effective._route = route
        return effective


def _overlay(section: Section, own: Mapping[str, Any]) -> Section:
    """A new section: `own` values over those of `section`, table by table, validated again as a whole."""
    current = {name: getattr(section, name) for name in type(section).model_fields}
    tables = {
        name: {**current[name], **value}
        for name, value in own.items()
        if isinstance(value, Mapping) and isinstance(current.get(name), Mapping)
    }
    return type(section).model_validate({**current, **own, **tables})
