"""For every check, policies it objects to and policies it does not; the least that tells the two apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI

from garrison import Policy
from garrison.fastapi import docs
from garrison.policy.checks import Subject
from garrison.policy.load import load
from garrison.policy.source import Kind, Source

DEV = {"environment": "development"}
A, B = {"name": "a", "paths": ["/a"]}, {"name": "b", "paths": ["/b"]}
OFF = {"mode": "off", "allow_insecure_off": "a reason"}
_FOLDER = TemporaryDirectory(prefix="garrison-checks-")
TWO = _FOLDER.name
"""A folder whose `quarantine` and `files` are on two file systems, and in which lie files like a bill of materials."""
Path(TWO, "quarantine").symlink_to("/proc")
Path(TWO, "files").symlink_to("/usr")
for name, text in {"bom": '{"bomFormat": "CycloneDX"}', "half": '{"bomFormat": "Cyc', "other": '["a", "list"]'}.items():
    Path(TWO, f"{name}.json").write_text(text, "utf-8")


@dataclass(frozen=True)
class Case:
    """`key` is where the objection must stand; empty for a policy that the check must be silent about."""

    values: Mapping[str, Any]
    key: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    app: object | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)

    def subject(self) -> Subject:
        found = load(Policy(**self.values), self.environ)
        return Subject(found.policy, self.environ, self.app, self.sources or found.sources)


class App:
    """Stands for an application; frameworks have `debug` as an attribute."""

    def __init__(self, debug: object) -> None:
        self.debug = debug


def documented(mount: str = "") -> FastAPI:
    """An application with the page of `garrison.fastapi.docs`, itself or in one that is mounted."""
    inner, outer = FastAPI(), FastAPI()
    docs(inner)
    outer.mount(mount, inner)
    return outer if mount else inner


SCRIPTS = {"directives": {"script-src": ["'nonce'"]}}


def in_class(**sections: Any) -> dict[str, Any]:
    return {"routes": [{**A, **sections}]}


CASES: dict[str, list[Case]] = {
    "P001": [Case({}, "hosts"), Case({"hosts": ["a.example"]}), Case(DEV)],
    "P002": [
        Case({"hosts": ["a.example", "a|b"]}, "hosts.1"), Case({"hosts": ["*"]}, "hosts.0"),
        Case({"hosts": ["https://a.example"]}, "hosts.0"), Case({"hosts": [r"a\.example$"]}, "hosts.0"),
        Case({"hosts": ["*.com"]}, "hosts.0"), Case({"hosts": ["*.*.a.example"]}, "hosts.0"),
        Case({"hosts": ["*.localhost", "*.internal"]}),
        Case({"hosts": ["a.example", "*.a.example", "münchen.example", "[::1]"]}),
    ],
    "P003": [
        Case({"cors": {"origins": ["*"], "credentials": True}}, "cors.origins"),
        Case(in_class(cors={"origins": ["*"], "credentials": True}), "routes.0.cors.origins"),
        Case({"cors": {"origins": ["*"]}}), Case({"cors": {"origins": ["https://a.example"], "credentials": True}}),
    ],
    "P004": [
        Case({"cors": {"origins": ["null"]}}, "cors.origins"),
        Case({"cors": {"origins": ["a.example"]}}, "cors.origins"),
        Case({"cors": {"origins": ["https://a.example, https://b.example"]}}, "cors.origins"),
        Case({"cors": {"origins": [""]}}, "cors.origins"),
        Case({"origin": {"trusted": ["https://a.example/"]}}, "origin.trusted"),
        Case(in_class(origin={"trusted": ["https://*.a.example"]}), "routes.0.origin.trusted"),
        Case({"cors": {"origins": ["*"]}}), Case({"origin": {"trusted": ["https://a.example:8443"]}}),
    ],
    "P005": [
        Case({"cors": {"origins": ["http://a.example"]}}, "cors.origins"),
        Case({"cors": {"origins": ["http://a.example"]}, **DEV}), Case({"cors": {"origins": ["https://a.example"]}}),
    ],
    "P006": [
        Case({}, "environment", app=App(debug=True)), Case(DEV, app=App(debug=True)), Case({}, app=App(debug=False)),
        Case({}, app=object()), Case({}),
    ],
    "P007": [
        Case({}, "key"), Case({}, environ={"GARRISON_KEY": "x"}), Case({"key": "env:X"}), Case(DEV),
        Case({}, "key", environ={"GARRISON_KEY": ""}),
    ],
    "P008": [
        Case({"rate": {"address": ["5/minute", "1000/minute"]}}, "rate.address"),
        Case(in_class(rate={"principal": ["5/minute", "5/minute"]}), "routes.0.rate.principal"),
        Case({"rate": {"address": ["5/second", "100/minute"]}}), Case({}),
    ],
    "P009": [Case({"csrf": OFF}, "csrf.mode"), Case(in_class(csp=OFF), "routes.0.csp.mode"), Case({}),
             Case({"preset": "api"})],
    "P010": [
        Case({"csrf": {"mode": "off"}}, "csrf.mode"),
        Case({"csrf": {"mode": "off", "allow_insecure_off": "  "}}, "csrf.mode"), Case({"csrf": OFF}), Case({}),
    ],
    "P011": [Case({"csrf": {"mode": "monitor"}}, "csrf.mode"), Case(in_class(host={"mode": "monitor"}),
             "routes.0.host.mode"), Case({})],
    "P012": [Case({"preset": "testing"}, "preset"), Case({"preset": "testing-2026-11"}, "preset"),
             Case({"preset": "testing", **DEV}), Case({"preset": "api"})],
    "P013": [
        Case({"host": {"allow_ip": True}}, "host.allow_ip"),
        Case(in_class(host={"allow_ip": True}), "routes.0.host.allow_ip"),
        Case(in_class(health=True, host={"allow_ip": True})), Case({}),
    ],
    "P014": [Case({"routes": [{**A, "paths": ["/h/**"], "health": True}]}, "routes.0.paths"),
             Case({"routes": [{**A, "paths": ["/h/*"]}]}), Case({"routes": [{**A, "health": True}]})],
    "P015": [
        Case({"proxies": ["0.0.0.0/0"]}, "proxies.0"), Case({"proxies": ["10.0.0.0/8", "::/0"]}, "proxies.1"),
        Case({"proxies": ["nonsense"]}, "proxies.0"), Case({"proxies": ["10.0.0.1/8"]}, "proxies.0"),
        Case({"proxies": ["10.0.0.0/8", "unix", "192.0.2.1", "fd00::/16"]}),
    ],
    "P016": [Case({"processes": 4}, "store"), Case({"processes": 4, "store": "memory"}, "store"),
             Case({"processes": 4, "store": "redis://x"}), Case({})],
    "P017": [
        Case({"cookies": {"secure": False}}, "cookies.secure"),
        Case({"cookies": {"http_only": False}}, "cookies.http_only"),
        Case(in_class(cookies={"secure": False}), "routes.0.cookies.secure"), Case({"cookies": {"leave": ["a"]}}),
    ],
    "P018": [Case({"events": {"output": "none", "store": False}}, "events.output"),
             Case({"events": {"output": "none"}}),
             Case({"events": {"store": False}})],
    "P019": [Case({"client": {"allow_insecure_direct_proxy": True}}, "client.allow_insecure_direct_proxy"), Case({})],
    "P020": [
        Case({"routes": [{**A, "paths": ["/{x}"]}]}, "routes.0.paths"), Case({"routes": [A, {**B, "paths": ["/a"]}]},
        "routes.1.paths"), Case({"routes": [A, {**A, "paths": ["/c"]}]}, "routes.1.name"), Case({"routes": [A, B]}),
        Case({"routes": [{**A, "methods": ["GET"]}, {**B, "paths": ["/a"], "methods": ["POST"]}]}),
        Case({"routes": [{**A, "paths": ["/a/**"]}, {**B, "paths": ["/b", "/a/b/*"]}]}, "routes.1.paths"),
        Case({"routes": [{**A, "paths": ["/**"], "methods": ["get", "POST"]}, {**B, "methods": ["GET"]}]},
             "routes.1.paths"),
        Case({"routes": [{**A, "paths": ["/**"], "methods": ["GET"]}, B]}),
        Case({"routes": [B, {**A, "paths": ["/**"]}]}),
        Case({"routes": [{**A, "methods": ["GET", "PROPFIND"]}]}, "routes.0.methods"),
        Case({"routes": [{**A, "methods": ["PROPFIND"], "method": {"allow": ["propfind"]}}]}),
        Case({"routes": [{**A, "methods": ["PROPFIND"]}], "method": {"mode": "monitor"}}),
    ],
    "P021": [Case({"session": {"idle": "2 h", "absolute": "1 h"}}, "session.idle"), Case({"session": {"idle": 0}},
             "session.idle"), Case({"session": {"idle": "1 h", "absolute": "1 h"}})],
    "P022": [Case({"session": {"cookie": "sid"}}, "session.cookie"), Case({"csrf": {"cookie": "__Secure-csrf"}},
             "csrf.cookie"), Case({"session": {"cookie": "__Host-x"}})],
    "P043": [
        Case({"rate": {"address": []}}, "rate.address"), Case(in_class(rate={"address": []}), "routes.0.rate.address"),
        Case({"rate": {"principal": []}}), Case({"rate": {"address": [], **OFF}}),
    ],
    "P023": [
        Case({"csp": {"directives": {"scrpt-src": ["'self'"]}}}, "csp.directives.scrpt-src"),
        Case(in_class(csp={"directives": {"img-src": ["self"]}}), "routes.0.csp.directives.img-src"),
        Case({"csp": {"directives": {"img-src": ["'self'"]}}}), Case({}),
        Case({"csp": {"without": ["scrpt-src"]}}, "csp.without"),
        Case({"csp": {"without": ["require-trusted-types-for", "script-src", "upgrade-insecure-requests"]}}),
    ],
    "P024": [
        Case({"csp": {"directives": {"script-src": ["'unsafe-inline'"]}}}, "csp.directives"),
        Case({"csp": {"without": ["object-src", "default-src"]}}, "csp.directives"),
        Case({"csp": {"directives": {"img-src": ["'self'"]}}}),
        Case({"csp": {**OFF, "directives": {"img-src": ["'self'"]}}}), Case({}), Case({"preset": "api"}),
    ],
    "P025": [
        Case({"key": "0123456789abcdef"}, "key"), Case({"key": "file:relative"}, "key"), Case({"key": "env:"}, "key"),
        Case({"key": "env:NAME"}), Case({"key": "file:/run/key"}), Case({}),
    ],
    "P026": [
        Case({"processes": 8, "rate": {"address": ["5/minute"]}}, "rate.address"),
        Case({"processes": 8, **in_class(rate={"address": ["100/minute burst 2"]})}, "routes.0.rate.address"),
        Case({"processes": 8}), Case({"rate": {"address": ["1/minute"]}}),
        Case({"processes": 8, "store": "redis://x", "rate": {"address": ["5/minute"]}}),
    ],
    "P027": [
        Case({"csrf": OFF, "origin": OFF}, "origin.mode"), Case(in_class(csrf=OFF, origin=OFF), "routes.0.origin.mode"),
        Case({"csrf": OFF}), Case({"origin": OFF}),
    ],
    "P028": [
        Case({"headers": {"hsts": {"max_age": "1 day"}}}, "headers.hsts"),
        Case({"headers": {"hsts": None}}, "headers.hsts"),
        Case({"headers": {"hsts": {"max_age": "1 day"}}, **DEV}), Case({}), Case({"headers": {**OFF, "hsts": None}}),
    ],
    "P029": [Case({"target": {"backslash": "pass"}}, "target.backslash"), Case({"preset": "compat"},
             "target.encoded_slash"), Case({})],
    "P030": [
        Case(DEV, "environment", sources={"environment": Source(Kind.FILE, line=1)}),
        Case(DEV, sources={"environment": Source(Kind.ENVIRONMENT, "GARRISON_ENVIRONMENT")}), Case(DEV), Case({}),
    ],
    "P031": [Case({"preset": "api"}, "csrf.mode"), Case({"csrf": OFF}), Case({})],
    "P032": [Case({"session": {"same_site": "None"}}, "session.same_site"), Case({"session": {"same_site": "Strict"}})],
    "P033": [
        Case({"store": "redis://10.0.0.5"}, "store"),
        Case({"store": "redis+cluster://127.0.0.1,store.example"}, "store"),
        Case({"store": "env:STORE"}, "store", environ={"STORE": "redis://:secret@store.example"}),
        Case({"store": "env:STORE"}), Case({"store": "rediss://10.0.0.5"}), Case({"store": "redis://[::1]:7000"}),
        Case({"store": "redis://localhost"}), Case({"store": "redis://10.0.0.5", **DEV}), Case({}),
        Case({"store": "redis://10.0.0.5", "allow_insecure_link": ["store"]}),
    ],
    "P034": [Case({"allow_insecure_link": ["store"]}, "allow_insecure_link.0"), Case({})],
    "P035": [
        Case({}, "processes", environ={"WEB_CONCURRENCY": "4"}), Case({}, environ={"WEB_CONCURRENCY": "many"}),
        Case({"processes": 4}, environ={"WEB_CONCURRENCY": "4"}), Case({}),
    ],
    "P036": [
        Case({"processes": 2, "store": "memory"}, "store"), Case({"processes": 2}), Case({"store": "memory"}),
        Case({"processes": 2, "store": "redis://localhost"}),
    ],
    "P055": [
        Case({"machines": 2}, "store"), Case({"machines": 2, "store": "memory"}, "store"), Case({}),
        Case({"machines": 2, "store": "redis://localhost"}), Case({"processes": 2}),
    ],
    "P037": [
        Case({"bans": {"allow": ["203.0.113.7", "10.0.0.1/8"]}}, "bans.allow.1"),
        Case(in_class(bans={"allow": ["alice"]}), "routes.0.bans.allow.0"),
        Case({"bans": {"allow": ["203.0.113.7", "2001:db8::/48", "principal:alice"]}}), Case({}),
    ],
    "P038": [
        Case({"bans": {"allow": ["11.0.0.0/8"]}}, "bans.allow.0"), Case({"bans": {"allow": ["2600::/20"]}},
             "bans.allow.0"), Case({"bans": {"allow": ["10.0.0.0/8", "8.8.8.8", "alice"]}}),
    ],
    "P039": [
        Case({"operator": {"listen": ["127.0.0.1:9443", "9443"]}}, "operator.listen.1"),
        Case({"operator": {"listen": ["0.0.0.0:9443"]}}, "operator.listen.0"),
        Case({"operator": {"listen": ["unix:operator.sock"]}}, "operator.listen.0"),
        Case({"operator": {"listen": ["127.0.0.1:9443", "[::1]:9443", "unix:/run/operator.sock"]}}), Case({}),
    ],
    "P040": [
        Case({"operator": {"listen": ["10.0.0.5:9443"]}}, "operator.listen.0"),
        Case({"operator": {"listen": ["127.0.0.1:9443", "[::1]:9443", "unix:/run/operator.sock", "x"]}}), Case({}),
    ],
    "P041": [
        Case({"load": {"weight": 101}}, "load.weight"), Case({"load": {"least": 2000}}, "load.least"),
        Case(in_class(load={"most": 5000}), "routes.0.load.most"), Case(in_class(load={"weight": 50})),
        Case({"load": {**OFF, "weight": 101}}), Case({}),
    ],
    "P054": [Case({"detection": {"enabled": False}}, "detection.enabled"), Case({})],
    "P056": [
        Case({"detection": {"enabled": False, "honey_paths": ["/old"]}}, "detection.honey_paths"),
        Case({"detection": {"enabled": False, "honey_tokens": {"wiki": "id:16:" + "0" * 32}}},
             "detection.honey_tokens"),
        Case({"detection": {"honey_accounts": ["root"]}}), Case({"detection": {"enabled": False}}),
    ],
    "P057": [
        Case({"detection": {"asn_header": "X-Client-ASN"}}, "detection.asn_header"),
        Case({"detection": {"asn_header": "X-Client-ASN"}, "proxies": ["10.0.0.0/8"]}), Case({}),
    ],
    "P081": [
        Case({"alerts": {"receivers": [{"to": "https://a.example"}]}, "detection": {"enabled": False}},
             "alerts.receivers"),
        Case({"alerts": {"receivers": [{"to": "https://a.example"}]}}), Case({"detection": {"enabled": False}}),
    ],
    "P124": [
        Case({"alerts": {"receivers": [{"to": "https://a.example"}], "escalate": "10 min"}}, "alerts.escalate"),
        Case({"alerts": {"receivers": [{"to": "https://a.example", "step": 1}, {"to": "https://b.example", "step": 2}],
                         "escalate": "10 min"}}, "alerts.receivers"),
        Case({"alerts": {"receivers": [{"to": "https://a.example"}, {"to": "https://b.example", "step": 1}]}},
             "alerts.receivers.1.step"),
        Case({"alerts": {"receivers": [{"to": "https://a.example"}, {"to": "https://b.example", "step": 3}],
                         "escalate": "10 min"}}), Case({"alerts": {"receivers": [{"to": "https://a.example"}]}}),
    ],
    "P125": [
        Case({"alerts": {"receivers": [{"to": "https://a.example"},
                                       {"to": "https://b.example", "step": 1, "least": "critical"}],
                         "escalate": "10 min"}}, "alerts.receivers.1.least"),
        Case({"alerts": {"receivers": [{"to": "https://a.example"},
                                       {"to": "https://b.example", "step": 1, "least": "critical"}],
                         "escalate": "10 min", "escalate_least": "critical"}}),
    ],
    "P126": [
        Case({"alerts": {"receivers": [{"to": "https://a.example", "quiet": ["22:00-07:00"], "wakes": "warning"}]}},
             "alerts.receivers.0.wakes"),
        Case({"alerts": {"receivers": [{"to": "https://a.example", "zone": "Europe/Berlin"}]}},
             "alerts.receivers.0.quiet"),
        Case({"alerts": {"receivers": [{"to": "https://a.example", "quiet": ["22:00-07:00"], "wakes": "error",
                                        "zone": "Europe/Berlin"}]}}),
    ],
    "P127": [
        Case({"store": "memory", "alerts": {"receivers": [{"to": "https://a.example", "quiet": ["22:00-07:00"]}]}},
             "alerts.receivers.0.quiet"),
        Case({"store": "memory", "alerts": {"receivers": [{"to": "https://a.example"}], "escalate": 60}},
             "alerts.escalate"),
        Case({"alerts": {"receivers": [{"to": "https://a.example", "quiet": ["22:00-07:00"]}], "escalate": 60}}),
        Case({"store": "memory", "alerts": {"receivers": [{"to": "https://a.example"}]}}),
    ],
    "P128": [
        Case({"incidents": {"sbom": f"{TWO}/none.json"}}, "incidents.sbom"),
        Case({"incidents": {"sbom": f"{TWO}/half.json"}}, "incidents.sbom"),
        Case({"incidents": {"sbom": f"{TWO}/other.json"}}, "incidents.sbom"),
        Case({"incidents": {"sbom": TWO}}, "incidents.sbom"),
        Case({"incidents": {"sbom": f"{TWO}/bom.json"}}), Case({}),
    ],
    "P130": [
        Case({"preset": "api"}, "csp.directives", app=documented()),
        Case({"preset": "api"}, "csp.directives", app=documented("/v1")),
        Case({"preset": "api", "routes": [{"name": "docs", "paths": ["/other/*"], "csp": SCRIPTS}]},
             "csp.directives", app=documented()),
        Case({"preset": "api", "routes": [{"name": "docs", "paths": ["/docs", "/docs/*"], "csp": SCRIPTS}]},
             app=documented()),
        Case({"preset": "api", "csp": {"mode": "monitor"}}, app=documented()),
        Case({"preset": "api", "routes": [{"name": "docs", "paths": ["no slash"]}]}, app=documented()),
        Case({"preset": "browser"}, app=documented()), Case({"preset": "api"}, app=FastAPI()), Case({"preset": "api"}),
    ],
    "P131": [
        Case({"login": {"address": []}}, "login.address"), Case({"login": {"recovery": []}}, "login.recovery"),
        Case({"login": {"requests": []}}, "login.requests"),
        Case({"second_factor": {"attempts": []}}, "second_factor.attempts"),
        Case({"login": {"address": ["9/hour"]}, "second_factor": {"attempts": ["9/hour"]}}), Case({}),
    ],
    "P132": [
        Case({"passwords": {"min_length": 300}}, "passwords.min_length"),
        Case({"passwords": {"min_length_second_factor": 65, "max_length": 64}}, "passwords.min_length_second_factor"),
        Case({"login": {"wait": "2 hours"}}, "login.wait"), Case({"api_keys": {"lifetime": 0}}, "api_keys.lifetime"),
        Case({"login": {"recovery_lifetime": 0}}, "login.recovery_lifetime"),
        Case({"login": {"device_lifetime": 0}}, "login.device_lifetime"),
        Case({"bearer": {"longest": 0}}, "bearer.longest"),
        Case({"passwords": {"min_length": 64, "max_length": 64}, "login": {"wait": 60, "longest_wait": 60}}), Case({}),
    ],
    "P133": [
        Case({"login": {"device_cookie": "__Host-session"}}, "login.device_cookie"),
        Case({"session": {"cookie": "__Host-csrf"}}, "csrf.cookie"),
        Case({"csrf": {**OFF, "cookie": "__Host-session"}}), Case({}),
    ],
    "P134": [
        Case({"bearer": {"audience": "notes"}}, "bearer.audience"),
        Case({"bearer": {"jwks": "https://id.example.com/keys"}}, "bearer.jwks"),
        Case({"authorisation": {"public": ["/docs"]}}, "authorisation.public"),
        Case({"bearer": {"issuer": "https://id.example.com", "audience": "notes"}}),
        Case({"authorisation": {"public": ["/docs"], "declare": True}}), Case({}),
    ],
    "P082": [
        Case({"alerts": {"receivers": [{"to": "https://a.example"}, {"to": "http://a.example"}]}},
             "alerts.receivers.1.to"),
        Case({"alerts": {"receivers": [{"to": "env:MAIL"}]}}, "alerts.receivers.0.to", {"MAIL": "mailto://a:b@a.example"}),
        Case({"alerts": {"receivers": [{"to": "env:MAIL"}]}}, environ={"MAIL": "mailtos://a:b@a.example"}),
        Case({"alerts": {"receivers": [{"to": "http://127.0.0.1:9"}]}}),
        Case({"alerts": {"receivers": [{"to": "http://a.example"}]}, "allow_insecure_link": ["alerts"]}), Case({}),
    ],
    "P050": [Case({"audit": {"enabled": False}}, "audit.enabled"), Case({})],
    "P051": [Case({}, "audit.ship"), Case({"audit": {"ship": ["/mnt/a"]}}), Case({"audit": {"enabled": False}})],
    "P052": [
        Case({"audit": {"ship": ["/mnt/a", "http://log.example.com/a"]}}, "audit.ship.1"),
        Case({"audit": {"ship": ["/mnt/a", "http://127.0.0.1:8000/a", "https://log.example.com/a"]}}),
        Case({"audit": {"ship": ["http://log.example.com/a"]}, "allow_insecure_link": ["audit"]}), Case({}),
        Case({"audit": {"ship": ["s3://bucket/a"]}}, "audit.ship.0", {"AWS_ENDPOINT_URL": "http://minio.example.com"}),
        Case({"audit": {"ship": ["s3://bucket/a"]}}),
        Case({"audit": {"ship": ["s3://bucket/a"]}}, environ={"AWS_ENDPOINT_URL_S3": "https://minio.example.com"}),
    ],
    "P053": [
        Case({"events": {"exports": [{"to": "/a"}, {"to": "syslog://log.example.com"}]}}, "events.exports.1.to"),
        Case({"events": {"exports": [{"to": "env:SIEM"}]}}, "events.exports.0.to", {"SIEM": "redis://:pw@a.example"}),
        Case({"events": {"exports": [{"to": "syslog+tls://log.example.com"}, {"to": "redis://127.1.2.3"}]}}),
        Case({"events": {"exports": [{"to": "env:SIEM"}]}}, environ={"SIEM": "rediss://:pw@a.example"}),
        Case({"events": {"exports": [{"to": "env:SIEM"}]}}),
        Case({"events": {"exports": [{"to": "http://a.example"}]}, "allow_insecure_link": ["export"]}), Case({}),
    ],
    "P042": [
        Case({"serve": {"header": "5 minutes"}}, "serve.header"), Case({"serve": {"body_rate": 1}}, "serve.body_rate"),
        Case({"serve": {"header": "60 s", "keep_alive": "75 s"}}), Case({}),
    ],
    "P060": [
        Case({"edge": {"hsts": True}}, "edge.hsts"),
        Case({"edge": {"hsts": True}, "proxies": ["unix"], "headers": {"hsts": None}}, "edge.hsts"),
        Case({"edge": {"hsts": True}, "proxies": ["unix"]}), Case({}),
    ],
    "P070": [
        Case({"secrets": {"named": {"db.dsn": "env:DB"}, "needs": {"web": ["mail.*"]}}}, "secrets.needs.web"),
        Case({"secrets": {"named": {"db.dsn": "env:DB"}, "needs": {"web": ["db.*"]}}}), Case({}),
    ],
    "P071": [
        Case({"secrets": {"named": {"db": "env:DB"}, "needs": {"web": ["*"]}}}, "secrets.needs.web"),
        Case({"secrets": {"named": {"db": "env:DB"}, "needs": {"web": ["db"]}}}), Case({}),
    ],
    "P072": [
        Case({"secrets": {"named": {"a": "env:A", "b": "env:A"}}}, "secrets.named.a"),
        Case({"key": "env:A", "secrets": {"named": {"a": "env:A"}}}, "secrets.named.a"),
        Case({"secrets": {"named": {"a": "env:A", "b": "env:B"}}}), Case({}),
    ],
    "P073": [
        Case({"vault": {"address": "http://v.example.com", "auth": "token", "token": "env:T"}}, "vault.address"),
        Case({"vault": {"address": "https://v.example.com", "auth": "token", "token": "env:T"}}),
        Case({"vault": {"address": "http://127.0.0.1:8200", "auth": "token", "token": "env:T"}}),
        Case({"vault": {"address": "http://v.example.com", "auth": "token", "token": "env:T"},
              "allow_insecure_link": ["vault"]}),
        Case({"aws": {"endpoints": {"ssm": "http://a.example.com"}}}, "aws.endpoints.ssm"),
        Case({"aws": {"endpoints": {"ssm": "https://a.example.com"}}}),
        Case({"aws": {"endpoints": {"ssm": "http://a.example.com"}}, "allow_insecure_link": ["aws"]}), Case({}),
    ],
    "P110": [
        Case({"uploads": {"folder": "/srv/www/up", "served": ["/srv/www"]}}, "uploads.folder"),
        Case({"uploads": {"folder": "/srv/www", "served": ["/srv/www/"]}}, "uploads.folder"),
        Case({"uploads": {"folder": "/srv/www/static/../www2", "served": ["/srv/www/static"]}}),
        Case({"uploads": {"folder": "/srv/www2", "served": ["/srv/www"]}}), Case({}),
    ],
    "P111": [
        Case({"uploads": {"folder": "/usr"}}, "uploads.folder"),
        Case({"uploads": {"folder": "/no/such"}}), Case({}),
    ],
    "P112": [Case({"uploads": {"folder": TWO}}, "uploads.folder"), Case({"uploads": {"folder": "/usr"}}), Case({})],
    "P113": [
        Case({"uploads": {"folder": "/a", "most": "9 GB"}}, "uploads.most"),
        Case({"uploads": {"folder": "/a", "most": 9, "named": {"b": {"most": "9 GB"}}}}, "uploads.named.b.most"),
        Case({"uploads": {"folder": "/a", "most": "9 MB"},
              "routes": [{"name": "a", "paths": ["/a"], "size": {"body": "10 MB"}}]}),
        Case({"uploads": {"most": "9 GB"}}), Case({}),
    ],
    "P114": [
        Case({"uploads": {"allow_unexamined": ["pdf"]}}, "uploads.allow_unexamined"),
        Case({"uploads": {"named": {"a": {"allow_unexamined": ["pdf"]}}}}, "uploads.named.a.allow_unexamined"),
        Case({"uploads": {"allow_unexamined": ["pdf"], "scanner": "unix:/run/clamav/clamd.ctl"}}), Case({}),
    ],
    "P115": [
        Case({"preset": "api", "uploads": {"folder": "/a"}}, "uploads.folder"),
        Case({"content": {"types": ["application/json"]}, "uploads": {"folder": "/a"}}, "uploads.folder"),
        Case({"preset": "api", "uploads": {"folder": "/a"},
              "routes": [{"name": "a", "paths": ["/a"], "content": {"types": ["multipart/form-data"]}}]}),
        Case({"preset": "api"}), Case({"uploads": {"folder": "/a"}}), Case({}),
    ],
    "P120": [
        Case({"reactions": {"mode": "enforce"}}, "reactions.step_up_page"),
        Case({"reactions": {"mode": "enforce", "step_up_page": "/confirm"}}), Case({}),
        Case({"reactions": {"mode": "enforce"}, "detection": {"enabled": False}}),
    ],
    "P121": [
        Case({"reactions": {"mode": "enforce", "step_up_free": ["/out"]}}, "reactions.step_up_free"),
        Case({"reactions": {"step_up_also": ["/e"]}}, "reactions.step_up_also"),
        Case({"reactions": {"mode": "off", "step_up_also": ["/e"]}}),
        Case({"reactions": {"step_up_page": "/c", "step_up_free": ["/out"], "step_up_also": ["/e"]}}), Case({}),
    ],
    "P122": [
        Case({"reactions": {"step_up_page": "/c", "step_up_free": ["/out", "/**"]}}, "reactions.step_up_free.1"),
        Case({"reactions": {"step_up_page": "/c", "step_up_free": ["/*"]}}, "reactions.step_up_free.0"),
        Case({"reactions": {"step_up_page": "/c", "step_up_also": ["no/slash"]}}, "reactions.step_up_also.0"),
        Case({"reactions": {"step_up_page": "/c", "step_up_free": ["/account/**"], "step_up_also": ["/**"]}}),
    ],
    "P123": [
        Case({"reactions": {"mode": "enforce"}, "detection": {"enabled": False}}, "reactions.mode"),
        Case({"reactions": {"mode": "enforce"}}), Case({"detection": {"enabled": False}}),
    ],
    "P079": [
        Case({"serve": {"allow_insecure_environment": True}}, "serve.allow_insecure_environment"),
        Case({"serve": {"secret_environment": ["SHOP_*"]}}), Case({}),
    ],
}  # fmt: skip
