"""HAProxy, as a whole `haproxy.cfg`. Tried with 2.6 and 2.8.

Lets pass: bodies in chunks above the cap (their length is not known beforehand; the application counts them); slow
readers that take a few bytes within each `write` time. Not chrooted where the application listens on a Unix socket,
which HAProxy has to reach.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..policy.tls import CIPHERS
from .headers import FORWARDING, HOP
from .site import Site
from .text import head, indented, joined, note


def render(site: Site) -> str:
    """The configuration for `site`."""
    parts = (_global(site), _defaults(site), _http(site), _https(site), _backend(site))
    return joined([*head("haproxy"), *(line for part in parts for line in part)])


def _global(site: Site) -> Iterator[str]:
    yield "global"
    if not site.place.trial:
        yield from ("    log /dev/log local0", "    user haproxy", f"    group {site.group}")
    yield f"    maxconn {site.connections}"
    yield from note("TLS: Mozilla's profile. No tickets: their key would live as long as the process.", 4)
    oldest = "TLSv1.3" if site.modern else "TLSv1.2"
    yield f"    ssl-default-bind-options ssl-min-ver {oldest} no-tls-tickets prefer-client-ciphers"
    if not site.modern:
        yield f"    ssl-default-bind-ciphers {':'.join(CIPHERS)}"
    yield "    ssl-load-extra-files key"
    yield from note("A header block has to fit a buffer; twice what the policy allows.", 4)
    yield f"    tune.bufsize {site.header_bytes + 4096}"
    yield from ("    tune.maxrewrite 4096", f"    tune.http.maxhdr {site.header_count}")
    yield from (f"    tune.h2.max-concurrent-streams {site.streams}", "")


def _defaults(site: Site) -> Iterator[str]:
    yield from ("defaults", "    mode http")
    if not site.place.trial:
        yield from ("    log global", "    option httplog", "    option dontlognull")
    yield from note(
        "How long a client may take: for its handshake and header block, between requests, between bytes.", 4
    )
    yield f"    timeout http-request {site.header_time}s"
    yield f"    timeout http-keep-alive {site.idle_time}s"
    yield f"    timeout client {max(site.body_time, site.write_time)}s"
    yield "    timeout client-fin 2s"
    yield from note("And the application.", 4)
    yield from ("    timeout connect 5s", "    timeout queue 5s", f"    timeout server {site.answer_time}s")
    yield from (f"    timeout tunnel {site.tunnel_time}s", "    retries 2", "")


def _bind(site: Site, port: int, words: str = "") -> Iterator[str]:
    for address in site.place.addresses or ("*", "[::]"):
        yield f"bind {address.strip('[]')}:{port}{' v6only' if ':' in address else ''}{words}"


def _known(site: Site) -> Iterator[str]:
    yield "http-request set-var(txn.host) req.hdr(host),field(1,:),lower"
    if site.names:
        yield f"acl known var(txn.host) -m str {' '.join(site.names)}"
    if site.below:
        yield f"acl known var(txn.host) -m end {' '.join(f'.{name}' for name in site.below)}"


def _http(site: Site) -> Iterator[str]:
    yield from note("http: known hosts are sent to https, with path and query as they came; nobody else is.")
    yield from ("frontend garrison_http", *indented(_bind(site, site.http_port), 4))
    yield from indented(_known(site), 4)
    yield "    http-request deny deny_status 400 unless { req.fhdr_cnt(host) eq 1 }"
    yield "    http-request deny deny_status 421 unless known"
    yield f"    http-request redirect code 308 location https://%[var(txn.host)]{site.port_suffix}%[pathq]"
    yield ""


def _https(site: Site) -> Iterator[str]:
    curves = ":".join(site.groups)
    tls = f"ssl crt {site.certificate} curves {curves} alpn h2,http/1.1 strict-sni"
    yield from ("frontend garrison_https", *indented(_bind(site, site.https_port, f" {tls}"), 4), "")
    yield from indented(_limits(site), 4)
    yield from ("", *note("Only hosts of the policy, named once.", 4), *indented(_known(site), 4))
    yield "    http-request deny deny_status 400 unless { req.fhdr_cnt(host) eq 1 }"
    yield "    http-request deny deny_status 421 unless known"
    yield from ("", *indented(_headers(site), 4), "")
    yield "    http-after-response del-header Server"
    if site.hsts:
        yield from note("HSTS is written here, also on HAProxy's own answers; the application leaves it out.", 4)
        yield f'    http-after-response set-header Strict-Transport-Security "{site.hsts}"'
    yield from ("    default_backend garrison_app", "")


def _limits(site: Site) -> Iterator[str]:
    requests = site.requests
    window = round(requests.window) if requests else 60
    yield from note("A client is an IPv4 address or an IPv6 network. Caps are twice what the policy allows.")
    yield f"stick-table type ipv6 size 100k expire 2m store conn_cur,http_req_rate({window}s)"
    yield f"tcp-request connection track-sc0 src,ipmask(32,{site.prefix})"
    yield f"tcp-request connection reject if {{ sc0_conn_cur gt {site.per_client} }}"
    if requests:
        most = requests.limit + requests.burst
        yield f"http-request deny deny_status 429 if {{ sc0_http_req_rate gt {most} }}"
    yield f"http-request deny deny_status 413 if {{ req.body_size gt {site.body} }}"


def _headers(site: Site) -> Iterator[str]:
    yield from note(
        "Whatever the client said about itself goes: names with an underscore, and these, in whatever case."
    )
    yield "http-request del-header _ -m sub"
    for name in (*FORWARDING, *HOP):
        yield f"http-request del-header {name.lower()}"
    yield from note("Only WebSocket may upgrade: h2c would tunnel past everything here.")
    yield "acl websocket req.hdr(upgrade) -i -m str websocket"
    yield "http-request del-header upgrade unless websocket"
    yield "http-request del-header connection unless websocket"
    yield from note("What HAProxy says about the request.")
    yield f"http-request set-header Host %[var(txn.host)]{site.port_suffix}"
    if site.forwarded:
        yield "acl six src -m sub :"
        yield 'http-request set-header Forwarded "for=%[src];proto=https" unless six'
        yield r'http-request set-header Forwarded "for=\"[%[src]]\";proto=https" if six'
    else:
        yield "http-request set-header X-Forwarded-For %[src]"
        yield "http-request set-header X-Forwarded-Proto https"


def _backend(site: Site) -> Iterator[str]:
    yield from ("backend garrison_app", "    http-reuse safe")
    yield from note("A kept connection that a worker closed just now: asked anew, unless it may change something.", 4)
    yield "    retry-on conn-failure empty-response"
    yield "    http-request disable-l7-retry unless { method GET HEAD OPTIONS }"
    yield f"    server app {f'unix@{site.socket}' if site.socket else site.address}"
