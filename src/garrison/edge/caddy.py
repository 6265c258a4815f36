"""Caddy, as a whole `Caddyfile`. Tried with 2.6 and 2.11.

Lets pass: any number of connections and requests of one client, since Caddy as it is built has no caps for clients (the
application's own hold); slow readers, since Caddy can only bound a whole answer. Header lines are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from .headers import FORWARDING, HOP
from .site import Site
from .text import all_names, head, indented, joined, note

_SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)  # fmt: skip
"""The suites of `policy.tls` by their IANA names."""
_CURVES = {"X25519MLKEM768": "x25519mlkem768", "X25519": "x25519", "P-256": "secp256r1", "P-384": "secp384r1"}


def render(site: Site) -> str:
    """The configuration for `site`."""
    parts = (_global(site), _redirects(site), _strangers(site), _server(site))
    return joined([*head("caddy"), *(line for part in parts for line in part)])


def _global(site: Site) -> Iterator[str]:
    yield from ("{", "    admin off")
    yield f"    auto_https {'disable_redirects' if site.acme else 'off'}"
    yield from (f"    http_port {site.http_port}", f"    https_port {site.https_port}")
    if site.place.addresses:
        yield f"    default_bind {' '.join(one.strip('[]') for one in site.place.addresses)}"
    if site.place.trial:
        yield from ("    skip_install_trust", f"    storage file_system {site.place.folder}/caddy")
    yield "    servers {"
    yield from note("HTTP/2 at the edge. How long a client may take, for its header block and between requests.", 8)
    yield from ("        protocols h1 h2", "        timeouts {", f"            read_header {site.header_time}s")
    yield from (f"            idle {site.idle_time}s", "        }")
    yield from note("Twice what the policy allows, so that the application's own answer is what clients see.", 8)
    yield from (f"        max_header_size {site.header_bytes}", "    }", "}", "")


def _redirects(site: Site) -> Iterator[str]:
    yield from note("http: known hosts are sent to https, with path and query as they came; nobody else is.")
    yield from (f"{', '.join(f'http://{name}:{site.http_port}' for name in all_names(site))} {{", "    header -Server")
    yield from (f"    redir https://{{host}}{site.port_suffix}{{uri}} 308", "}")
    yield from (f"http://:{site.http_port} {{", "    header -Server", "    respond 421", "}", "")


def _strangers(site: Site) -> Iterator[str]:
    yield from note("https for other names, on a connection for a known name: 421.")
    yield from (f"https://:{site.https_port} {{", f"    tls{_files(site)} {{")
    yield from (*indented(_tls(site), 8), "    }", "    header -Server", "    respond 421", "}", "")


def _files(site: Site) -> str:
    return "" if site.acme else f" {site.certificate} {site.key}"


def _tls(site: Site) -> Iterator[str]:
    yield "protocols " + ("tls1.3" if site.modern else "tls1.2 tls1.3")
    if not site.modern:
        yield f"ciphers {' '.join(_SUITES)}"
    yield f"curves {' '.join(_CURVES[group] for group in site.groups)}"


def _server(site: Site) -> Iterator[str]:
    yield f"{', '.join(f'https://{name}:{site.https_port}' for name in all_names(site))} {{"
    yield from note("TLS: Mozilla's profile.", 4)
    yield f"    tls{_files(site)} {{"
    yield from (*indented(_tls(site), 8), "    }")
    yield from note("Caddy 2.6 does not get to the next line when a WebSocket opens: then at least nothing is told.", 4)
    yield from ('    header Server ""', "    header -Server", "    header -Via")
    if site.hsts:
        yield from note("HSTS is written here, also on Caddy's own answers; the application leaves it out.", 4)
        yield f'    header Strict-Transport-Security "{site.hsts}"'
    yield from ("", "    request_body {", f"        max_size {site.body}", "    }", "")
    yield from note("Only WebSocket may upgrade: h2c would tunnel past everything here.", 4)
    yield from (
        "    @upgrade {",
        "        header Upgrade *",
        "        not header_regexp Upgrade (?i)^websocket$",
        "    }",
    )
    yield from ("    request_header @upgrade -Upgrade", "    request_header @upgrade -Connection", "")
    if site.forwarded:
        yield from note("An IPv6 address is written in brackets and quotation marks (RFC 7239 section 6).", 4)
        yield from ("    map {remote_host} {garrison_for} {", '        ~^(.*:.*)$ "\\"[${1}]\\""')
        yield from ("        default {remote_host}", "    }")
    yield from indented(_proxy(site), 4)
    yield "}"


def _proxy(site: Site) -> Iterator[str]:
    yield f"reverse_proxy {f'unix/{site.socket}' if site.socket else site.address} {{"
    yield from note("Whatever the client said about itself goes: names with an underscore, and these.", 4)
    yield "    header_up -*_*"
    told = ("Forwarded",) if site.forwarded else ("X-Forwarded-For", "X-Forwarded-Proto")
    for name in (*FORWARDING, *HOP):
        if name not in told:
            yield f"    header_up -{name}"
    yield from note("What Caddy says about the request.", 4)
    yield from _told(site)
    yield "    header_down -Server"
    if site.hsts:
        yield "    header_down -Strict-Transport-Security"
    yield from ("    transport http {", "        versions 1.1", "        dial_timeout 5s", "        compression off")
    yield from (
        f"        keepalive {max(1, site.idle_time // 2)}s",
        f"        response_header_timeout {site.answer_time}s",
    )
    yield from ("    }", "}")


def _told(site: Site) -> Iterator[str]:
    yield f"    header_up Host {{host}}{site.port_suffix}"
    if site.forwarded:
        yield '    header_up Forwarded "for={garrison_for};proto=https"'
    else:
        yield "    header_up X-Forwarded-For {remote_host}"
        yield "    header_up X-Forwarded-Proto https"
