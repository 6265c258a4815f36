"""drHEADer, asked for single answers of a site on this machine. Runs in an environment of its own.

Standard input: JSON `{host, port, paths, certificate}`. Standard output: JSON, per path the status and the findings of
its default rules, with those for cross-origin isolation.
"""

import json
import socket
import sys

import requests
from drheader import Drheader  # type: ignore[import-not-found]

asked = json.load(sys.stdin)
_resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: _resolve("127.0.0.1", *rest, **more)  # every name is this machine

found = {}
for path in asked["paths"]:
    url = f"https://{asked['host']}:{asked['port']}{path}"
    options = {"verify": asked["certificate"], "allow_redirects": False}
    answer = requests.get(url, timeout=10, **options)
    scanner = Drheader(url=url, method="get", timeout=10, **options)
    report = scanner.analyze(cross_origin_isolated=True)
    found[path] = {
        "status": answer.status_code,
        "findings": [
            f"{item['rule']}: {item['message']}" + (f" (got {item['value']!r})" if item.get("value") else "")
            for item in report
        ],
    }
json.dump(found, sys.stdout)
