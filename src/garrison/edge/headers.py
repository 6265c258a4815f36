"""Request headers that only a proxy may write, and those that end at it.

Threat: a client that names its own address, scheme, host or path in a header that some part of the application believes
(CWE-290, CWE-348), in any of the spellings that are one variable to a CGI-like interface (`X_Real_IP`); a header that
is meant for the connection and changes how the next server reads the request (CWE-444).
"""

from __future__ import annotations

from typing import Final

FORWARDING: Final = (
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Host", "X-Forwarded-Port",
    "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Path",
    "X-Forwarded-Uri", "X-Forwarded-User", "X-Forwarded-Client-Cert", "X-Forwarded", "Forwarded-For",
    "X-Original-Forwarded-For", "X-Original-Host", "X-Original-Url", "X-Rewrite-Url", "X-Host", "X-Scheme",
    "X-Url-Scheme", "Front-End-Https", "X-Real-Ip", "X-Client-Ip", "Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
    "Fastly-Client-Ip", "X-Cluster-Client-Ip", "X-Originating-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Remote-User",
    "Remote-User", "X-Proxyuser-Ip", "X-Envoy-External-Address", "X-Ssl-Client-Cert", "X-Client-Cert",
    "X-Accel-Redirect", "X-Sendfile", "Proxy",
)  # fmt: skip
"""Written by proxies of all kinds; `Proxy` becomes HTTP_PROXY (CVE-2016-5385)."""
HOP: Final = ("Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Http2-Settings")
"""For one connection only (RFC 9110 section 7.6.1); `Connection` and `Upgrade` are the proxies' own matter."""
