"""The plan for OWASP ZAP's automation framework, and the OpenAPI document that goes with it. Pure.

The document only keeps the operations whose methods may be tried: ZAP sends every request of what it imports. The plan
is JSON, which is YAML, with documented keys only. It holds no credential: ZAP takes that from its environment.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .live import METHODS, Live, ask

REPORT: Final = "zap.json"
DOCUMENT: Final = "openapi.json"
_CONTEXT: Final = "garrison"
_SENDS_METHODS: Final = 90028
"""The active rule that tries PUT and DELETE by itself."""


def plan(target: Live, folder: str, seconds: float) -> str:
    """The plan: `folder` is where ZAP finds the document and leaves its report."""
    minutes = max(1, int(seconds * 0.8 / 60))
    below = f"{re.escape(target.url)}(?:[/?].*)?"
    return json.dumps(
        {
            "env": {
                "contexts": [{"name": _CONTEXT, "urls": [target.url], "includePaths": [below], "excludePaths": []}],
                "parameters": {
                    "failOnError": True, "failOnWarning": False, "progressToStdout": True,
                    "maxDuration": max(60, int(seconds * 0.9)),
                },
            },
            "jobs": [
                {
                    "type": "replacer",
                    "parameters": {"deleteAllRules": True},
                    "rules": [{
                        "description": "who asks", "url": below, "matchType": "req_header", "matchString": "User-Agent",
                        "matchRegex": False, "replacementString": "garrison-scan (ZAP)",
                    }],
                },
                {
                    "type": "openapi",
                    "parameters": {
                        "apiFile": f"{folder}/{DOCUMENT}", "targetUrl": target.url, "context": _CONTEXT,
                    },
                },
                {"type": "passiveScan-wait", "parameters": {"maxDuration": min(5, minutes)}},
                {
                    "type": "activeScan",
                    "parameters": {
                        "context": _CONTEXT, "maxScanDurationInMins": minutes,
                        "maxRuleDurationInMins": max(1, minutes // 4), "delayInMs": max(1, 1000 // target.rate),
                        "threadPerHost": 1, "injectPluginIdInHeader": True,
                    },
                    "policyDefinition": {
                        "defaultStrength": "Medium", "defaultThreshold": "Medium",
                        "rules": [] if "DELETE" in target.methods else [
                            {"id": _SENDS_METHODS, "name": "Insecure HTTP Method", "threshold": "Off"}
                        ],
                    },
                },
                {"type": "passiveScan-wait", "parameters": {"maxDuration": min(5, minutes)}},
                {
                    "type": "report",
                    "parameters": {
                        "template": "traditional-json", "reportDir": folder, "reportFile": REPORT,
                        "reportTitle": "Garrison", "displayReport": False,
                    },
                },
                {"type": "exitStatus", "parameters": {"okExitValue": 0, "errorExitValue": 1, "warnExitValue": 2}},
            ],
        },
        indent=1,
    )  # fmt: skip


def operations(target: Live) -> tuple[str, int]:
    """The document of a running application with what may be tried, and how many operations that is.

    Raises OSError where nobody answers, ValueError where there is no document, or nothing to try in it.
    """
    credential = [(target.header, target.secret)] if target.secret else []
    text, count = document(ask(target, target.schema, credential).body, target)
    if not count:
        raise ValueError(f"no operation with {', '.join(target.methods)} to try")
    return text, count


def document(text: bytes, target: Live) -> tuple[str, int]:
    """The OpenAPI document with only the operations that may be tried, and how many are left.

    Raises ValueError for what is no such document.
    """
    data: Any = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("paths"), dict):
        raise ValueError("no OpenAPI document in JSON")  # noqa: TRY004  # the application's answer is wrong
    kept = {method.lower() for method in target.methods}
    count = 0
    for path, operations in data["paths"].items():
        if not isinstance(operations, dict):
            raise ValueError(f"{path[:80]} holds no operations")  # noqa: TRY004  # as above
        for method in [one for one in operations if one in {every.lower() for every in METHODS} | {"trace"}]:
            if method in kept:
                count += 1
            else:
                del operations[method]
    data.pop("servers", None)  # the target alone is asked, whatever the document says
    for operations in data["paths"].values():
        operations.pop("servers", None)
        for one in operations.values():
            if isinstance(one, dict):
                one.pop("servers", None)
    return json.dumps(data), count
