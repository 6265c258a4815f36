"""nginx, as a whole `nginx.conf`. Tried with 1.22 and 1.31.

Lets pass: many half-sent requests of one client, each until its deadline (nginx counts a connection once its header
block is complete); slow readers that take a few bytes within each `write` time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..policy.tls import CIPHERS
from .headers import FORWARDING, HOP
from .site import Site
from .text import all_names, head, indented, joined, note

_CURVES = {"P-256": "prime256v1", "P-384": "secp384r1"}


def render(site: Site) -> str:
    """The configuration for `site`."""
    return joined([*head("nginx"), *_main(site), "http {", *indented(_http(site), 4), "}"])


def _main(site: Site) -> Iterator[str]:
    if site.place.trial:
        yield from ("daemon off;", "master_process off;", f"pid {site.place.folder}/nginx.pid;", "error_log stderr;")
    else:
        yield from (f"user www-data {site.group};", "worker_processes auto;", "pid /run/nginx.pid;")
        yield "error_log /var/log/nginx/error.log warn;"
    if site.clear_server:
        yield from note("Without this module nginx can't leave out its Server header (edge.clear_server).")
        yield f"load_module {_modules(site)}ngx_http_headers_more_filter_module.so;"
    yield from ("", *note("Of all clients, in each worker; a request takes a connection to the application as well."))
    yield from (f"worker_rlimit_nofile {4 * site.connections};", "events {")
    yield from (f"    worker_connections {2 * site.connections};", "}", "")


def _modules(site: Site) -> str:
    return f"{site.place.modules}/" if site.place.modules else "modules/"


def _http(site: Site) -> Iterator[str]:
    yield from _files(site)
    yield from _tls(site)
    yield from _times_and_sizes(site)
    yield from _clients(site)
    yield from _upstream(site)
    yield from _redirects(site)
    yield from _strangers(site)
    yield from _server(site)


def _files(site: Site) -> Iterator[str]:
    yield "server_tokens off;"
    if site.clear_server:
        yield "more_clear_headers Server;"
    yield from ("default_type application/octet-stream;", "access_log off;" if site.place.trial else _LOG)
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi") if site.place.trial else ():
        yield f"{name}_temp_path {site.place.folder}/{name};"
    yield ""


_LOG = "access_log /var/log/nginx/access.log combined;"


def _tls(site: Site) -> Iterator[str]:
    yield from note("TLS: Mozilla's profile. No tickets: their key would live as long as the process (RFC 9325, 3.4).")
    yield f"ssl_certificate {site.certificate};"
    yield f"ssl_certificate_key {site.key};"
    yield f"ssl_protocols {'' if site.modern else 'TLSv1.2 '}TLSv1.3;"
    if not site.modern:
        yield f"ssl_ciphers {':'.join(CIPHERS)};"
    yield f"ssl_ecdh_curve {':'.join(_CURVES.get(group, group) for group in site.groups)};"
    yield from ("ssl_prefer_server_ciphers off;", "ssl_session_tickets off;", "ssl_session_timeout 1d;")
    yield from ("ssl_session_cache shared:garrison_tls:10m;", "")


def _times_and_sizes(site: Site) -> Iterator[str]:
    yield from note("How long a client may take: for its handshake and header block, between two reads, two writes.")
    yield f"client_header_timeout {site.header_time}s;"
    yield f"client_body_timeout {site.body_time}s;"
    yield f"send_timeout {site.write_time}s;"
    yield f"keepalive_timeout {site.idle_time}s;"
    yield from ("lingering_time 2s;", "lingering_timeout 1s;", "reset_timedout_connection on;", "")
    yield from note("How much: twice what the policy allows, so that the application's own answer is what clients see.")
    yield f"client_max_body_size {site.body};"
    yield "client_header_buffer_size 1k;"
    yield f"large_client_header_buffers 2 {-(-site.header_line // 1024)}k;"
    yield f"http2_max_concurrent_streams {site.streams};"
    yield from ("ignore_invalid_headers on;", "underscores_in_headers off;", "gzip off;", "")


def _clients(site: Site) -> Iterator[str]:
    size = max(1, min(8 * 2, site.prefix // 8))
    yield from note("A client is an IPv4 address or an IPv6 network.")
    yield "map $binary_remote_addr $garrison_client {"
    yield "    default $binary_remote_addr;"
    if size < 16:
        yield f'    "~^(?s)(?<garrison_network>.{{{size}}}).{{{16 - size}}}$" $garrison_network;'
    yield "}"
    yield "limit_conn_zone $garrison_client zone=garrison_connections:10m;"
    yield "limit_conn_status 429;"
    if site.requests:
        yield f"limit_req_zone $garrison_client zone=garrison_requests:10m rate={site.requests.limit}r/m;"
        yield "limit_req_status 429;"
    yield ""


def _upstream(site: Site) -> Iterator[str]:
    yield from note("Only WebSocket may upgrade: h2c would tunnel past everything here.")
    yield from ("map $http_upgrade $garrison_upgrade {", '    default "";', "    ~*^websocket$ websocket;", "}")
    yield from ("map $garrison_upgrade $garrison_connection {", '    default "";', "    websocket upgrade;", "}")
    if site.forwarded:
        yield from ("map $remote_addr $garrison_for {", '    default "for=$remote_addr";')
        yield from ('    ~: "for=\\"[$remote_addr]\\"";', "}")
    yield "upstream garrison_app {"
    yield f"    server {f'unix:{site.socket}' if site.socket else site.address} max_fails=0;"
    yield from ("    keepalive 64;", f"    keepalive_timeout {max(1, site.idle_time // 2)}s;", "}", "")


def _listen(site: Site, port: int, words: str) -> list[str]:
    return [f"listen {address}:{port}{words};" for address in site.place.addresses or ("0.0.0.0", "[::]")]  # noqa: S104


def _redirects(site: Site) -> Iterator[str]:
    yield from note("http: known hosts are sent to https, with path and query as they came; nobody else is.")
    yield from ("server {", *indented(_listen(site, site.http_port, " default_server"), 4))
    yield from ("    server_name _;", "    return 421;", "}", "server {")
    yield from (*indented(_listen(site, site.http_port, ""), 4), f"    server_name {' '.join(all_names(site))};")
    yield from (f"    return 308 https://$host{site.port_suffix}$request_uri;", "}", "")


def _strangers(site: Site) -> Iterator[str]:
    yield from note("https for other names: no handshake; on a connection for a known name, 421.")
    yield from ("server {", *indented(_listen(site, site.https_port, " ssl http2 default_server"), 4))
    yield from ("    server_name _;", "    ssl_reject_handshake on;", "    return 421;", "}", "")


def _server(site: Site) -> Iterator[str]:
    yield from ("server {", *indented(_listen(site, site.https_port, " ssl http2"), 4))
    yield f"    server_name {' '.join(all_names(site))};"
    if site.hsts:
        yield from note("HSTS is written here, also on nginx's own answers; the application leaves it out.", 4)
        yield f'    add_header Strict-Transport-Security "{site.hsts}" always;'
    yield from note("Answers that nginx has no right word for: header block too large, transfer coding unknown.", 4)
    for ours, theirs in ((431, 494), (400, 501)):
        yield f"    error_page {theirs} ={ours} @garrison_{ours};"
        yield from (f"    location @garrison_{ours} {{", f"        return {ours};", "    }")
    yield from ("", "    location / {", *indented(_proxy(site), 8), "    }", "}")


def _proxy(site: Site) -> Iterator[str]:
    yield f"limit_conn garrison_connections {site.per_client};"
    if site.requests:
        yield f"limit_req zone=garrison_requests burst={site.requests.burst} nodelay;"
    yield from ("proxy_pass http://garrison_app;", "proxy_http_version 1.1;", "")
    yield from note("Bodies are passed on as they arrive, so that the application counts and times them.")
    yield from ("proxy_request_buffering off;", "proxy_connect_timeout 5s;")
    yield from note("A kept connection that a worker closed just now: asked anew, unless it may change something.")
    yield from ("proxy_next_upstream error;",)
    yield from (f"proxy_send_timeout {site.answer_time}s;", f"proxy_read_timeout {site.answer_time}s;", "")
    yield from note("What nginx says about the request; whatever the client said about itself is overwritten.")
    yield from _set(("Host", f"$host{site.port_suffix}"), ("Upgrade", "$garrison_upgrade"))
    yield from _set(("Connection", "$garrison_connection"))
    told = {"Forwarded": '"$garrison_for;proto=$scheme"'} if site.forwarded else {"X-Forwarded-For": "$remote_addr"}
    if not site.forwarded:
        told["X-Forwarded-Proto"] = "$scheme"
    yield from _set(*told.items())
    yield from _set(*((name, '""') for name in (*FORWARDING, *HOP) if name not in told))
    yield from ("", *note("The application's answers don't steer nginx, but for X-Accel-Buffering."))
    yield "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Charset;"
    if site.hsts:
        yield "proxy_hide_header Strict-Transport-Security;"
    yield "proxy_redirect off;"


def _set(*pairs: tuple[str, str]) -> Iterable[str]:
    return [f"proxy_set_header {name} {value};" for name, value in pairs]
