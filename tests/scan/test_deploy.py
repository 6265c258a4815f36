"""Compose files and systemd units: what opens the host is found at its line, what is right gives no finding."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest

from garrison.edge.site import site_of
from garrison.edge.systemd import render
from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.policy import Policy
from garrison.scan.adapter import Limits
from garrison.scan.ci import Choices, Kind, configurations
from garrison.scan.compose import examine_compose, is_compose
from garrison.scan.deploy_rules import Deploy
from garrison.scan.lined_yaml import read_yaml
from garrison.scan.plain_secrets import given_secret, plain_secret
from garrison.scan.project import read_project
from garrison.scan.run import adapters
from garrison.scan.tool_deploy import compose, units
from garrison.scan.units import examine_unit

ROOT = Path(__file__).resolve().parents[2]
HARD = """\
services:
  shop:
    image: registry.example.com/shop:1@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
"""
ODD_YAML = [
    "services:", "  web:", "    image: a", "    ports: [1, {a: b}, [x], null]", "    environment: [A=b, {c: d}, 3]",
    "    environment: {A: [1], PASSWORD: x1}", "    volumes: [a:b:ro, {source: [1]}, null]", "    cap_add: ALL",
    "    security_opt: {a: b}", "    user: [a]", "    <<: *x", "x: &x {privileged: true}", "  - a", "    ? [a, b]",
    "    : c", "'", "{", "]", "&a *a", "!!binary |", "\t", "\x00", "é😀", "    ports:\n      - '::80'\n      - /udp",
]  # fmt: skip
ODD_UNITS = [
    "[Service]", "[", "ExecStart=", "ExecStart=+", "ExecStart=/tmp", 'Environment="', "Environment=A=b 'c", "UMask=",
    "UMask=9", "XMode=777", "=x", "a", "\\", "ExecStartPre=chmod", "WorkingDirectory=-/tmp", "[Service]\\",
    "ExecStart=a \\", "# c \\", "ExecStop=--password", "DynamicUser=maybe",
]  # fmt: skip
DYNAMIC = "[Service]\nExecStart=/srv/app/.venv/bin/garrison serve main:app\nDynamicUser=yes\n"


def in_compose(more: str) -> list[tuple[str, int]]:
    """What is found when a hard service has more lines (from line 7 on): rules and lines."""
    text = HARD + "".join(f"    {line}\n" for line in dedent(more).strip().splitlines())
    return [(one.id, one.location.line or 0) for one in examine_compose("compose.yaml", text) if one.location]


def in_unit(more: str) -> list[tuple[str, int]]:
    """The same for a unit with DynamicUser=yes; more lines stand from line 4 on."""
    return [
        (one.id, one.location.line or 0) for one in examine_unit("a.service", DYNAMIC + dedent(more)) if one.location
    ]


def test_what_is_shut_in_gives_no_finding() -> None:
    assert in_compose("") == []
    assert in_unit("") == []


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("privileged: true", "D101"), ("privileged: yes", "D101"),
        ("volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]", "D102"),
        ("volumes: [{type: bind, source: /run/podman/podman.sock, target: /x.sock}]", "D102"),
        ("network_mode: host", "D103"), ("pid: host", "D103"), ("ipc: host", "D103"),
        ("environment: {DB_PASSWORD: tr0ub4dor}", "D104"), ("environment: [API_KEY=tr0ub4dor]", "D104"),
        ("environment: {DSN: 'postgres://shop:tr0ub4dor@db/shop'}", "D104"),
        ("environment: {DB_PASSWORD: '${DB_PASSWORD:-changeme}'}", "D104"),
        ("environment: {GARRISON_KEY: MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI}", "D104"),
        ("ports: ['5432:5432']", "D107"), ("ports: ['0.0.0.0:6379:6379/tcp']", "D107"),
        ("ports: ['[::]:9200:9200']", "D107"), ("ports: [{target: 3306, published: 3307}]", "D107"),
        ("ports: ['8000:8000']", "D108"), ("ports: ['8000']", "D108"), ("ports: [22:22]", "D108"),
        ("cap_add: [CAP_SYS_ADMIN]", "D112"), ("cap_add: [all]", "D112"),
        ("user: '0:0'", "D115"), ("user: root", "D115"),
        ("volumes: ['/:/host']", "D114"), ("volumes: ['/etc:/etc:rw']", "D114"),
        ("volumes: [{type: bind, source: /var/lib/docker, target: /x}]", "D114"),
    ],
)  # fmt: skip
def test_what_opens_a_container_is_found_at_its_line(more: str, rule: str) -> None:
    assert in_compose(more) == [(rule, 7)]


@pytest.mark.parametrize(
    "more",
    [
        "privileged: false", "volumes: ['./data:/data', 'state:/var/lib/shop', '/etc/localtime:/etc/localtime:ro']",
        "volumes: ['/etc:/host:ro', {type: bind, source: /, target: /host, read_only: true}]",
        "network_mode: bridge", "environment: {DB_PASSWORD_FILE: /run/secrets/db, SECRET_KEY: '${SECRET_KEY}'}",
        "environment: [DB_PASSWORD, 'TOKEN=', 'API_KEY=${API_KEY:?it is missing}', 'PASSWORD_MIN=12', 'CACHE_KEY=a-b']",
        "environment: {POSTGRES_HOST_AUTH_METHOD: scram-sha-256, KEY: 'mounted:/run/secrets/key', A: 'O’Brien 😀'}",
        "environment: {SHOP_KEY_FILE: x, REDIS: 'redis://cache:6379/0', DSN: 'postgres://shop:${PASSWORD}@db/shop'}",
        "ports: ['127.0.0.1:5432:5432', '[::1]:6379:6379', '80:8080', '443:8443', '${PORT}:8000', '10.0.0.5:80:80']",
        "ports: [{target: 8000, published: 8000, host_ip: 127.0.0.1}]", "cap_add: [NET_BIND_SERVICE, CHOWN]",
        "user: '10001:10001'", "command: ['--password-file', '/run/secrets/x']", "x-note: privileged",
    ],
)  # fmt: skip
def test_what_is_right_in_a_compose_file_is_left_alone(more: str) -> None:
    assert in_compose(more) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [("    read_only: true\n", "D109"), ("    cap_drop: [ALL]\n", "D110"),
     ('    security_opt: ["no-new-privileges:true"]\n', "D111"), ("@sha256:" + HARD.split("@sha256:")[1][:64], "D106")],
)  # fmt: skip
def test_what_is_missing_is_found_in_whole_services_only(change: str, rule: str) -> None:
    text = HARD.replace(change, "")
    assert [one.id for one in examine_compose("compose.yaml", text)] == [rule]
    if rule != "D106":
        assert examine_compose("compose.override.yaml", text) == []
        assert examine_compose("compose.yaml", text.replace("    image", "    extends: base\n    image")) == []


def test_confinement_that_is_off_is_found_and_an_image_that_is_built_here_needs_no_digest() -> None:
    text = HARD.replace("no-new-privileges:true", "seccomp=unconfined").replace("registry.example.com/shop:1", "shop")
    assert [one.id for one in examine_compose("compose.yaml", text)] == ["D113", "D111"]
    latest = HARD.replace(":1@sha256:" + HARD.split("@sha256:")[1][:64], ":latest")
    assert [one.id for one in examine_compose("compose.yaml", latest)] == ["D105"]
    built = latest.replace("    read_only", "    build: .\n    read_only")
    assert examine_compose("compose.yaml", built) == []


def test_anchors_and_merge_keys_are_followed() -> None:
    text = """\
    x-base: &base
      privileged: true
      read_only: true
      cap_drop: [ALL]
    services:
      shop:
        <<: *base
        image: shop@sha256:1
    """
    assert [one.id for one in examine_compose("compose.yaml", dedent(text))] == ["D101"]


@pytest.mark.parametrize("bomb", ["merge", "alias", "cycle", "deep", "no yaml", "tag"])
def test_a_file_that_unfolds_or_is_no_yaml_is_refused_and_makes_nothing(bomb: str) -> None:
    texts = {
        "merge": "a0: &a0 {k: v}\n"
        + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], b: *a{n - 1}}}\n" for n in range(1, 40)),
        "alias": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
        "cycle": "a: &a [*a]\n",
        "deep": "[" * 5000 + "]" * 5000,
        "no yaml": "services: [\n",
        "tag": "services: !!python/object/apply:os.system [id]\n",
    }
    if bomb == "tag":
        assert read_yaml(texts[bomb]).pairs["services"].items[0].text == "id"
        return
    with pytest.raises((ValueError, RecursionError)):
        read_yaml(texts[bomb])


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("Environment=DB_PASSWORD=tr0ub4dor\n", "D202"), ('Environment="A=1" "TOKEN=tr0ub4dor"\n', "D202"),
        ("ExecStartPre=/usr/bin/tool --password tr0ub4dor\n", "D202"),
        ("ExecStop=/bin/x --api-key=tr0ub4dor\n", "D202"),
        ("ExecStartPre=/bin/chmod -R a+rwx /var/lib/app\n", "D207"), ("ExecStartPre=/bin/chmod 0666 /run/x\n", "D207"),
        ("UMask=0000\n", "D207"), ("StateDirectoryMode=0777\n", "D207"), ("RuntimeDirectoryMode=1777\n", "D207"),
        ("ExecStop=/tmp/stop.sh\n", "D208"), ("WorkingDirectory=/dev/shm/app\n", "D208"),
        ("ExecStartPre=+/usr/bin/id\n", "D209"), ("AmbientCapabilities=CAP_SYS_ADMIN\n", "D209"),
    ],
)  # fmt: skip
def test_what_opens_a_unit_is_found_at_its_line(more: str, rule: str) -> None:
    assert in_unit(more) == [(rule, 4)]


@pytest.mark.parametrize(
    "more",
    [
        "Environment=GARRISON_STATE=/var/lib/app GARRISON_POLICY=/etc/app.toml\n", "EnvironmentFile=/etc/app/secret\n",
        "Environment=DB_PASSWORD_FILE=%d/db TOKEN=%d/token\n", "UMask=0077\nStateDirectoryMode=0700\n",
        "ExecStartPre=-/bin/chmod 750 /var/lib/app\n",
        "ExecStartPre=/usr/bin/tool --password-file /run/x --token $TOKEN\n",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE\n", "# Environment=DB_PASSWORD=tr0ub4dor\n; UMask=0000\n",
        "ExecStartPre=/bin/sh -c 'echo \\\n  hello'\n",
    ],
)  # fmt: skip
def test_what_is_right_in_a_unit_is_left_alone(more: str) -> None:
    assert in_unit(more) == []


def test_a_service_without_sandbox_is_told_each_line_that_it_lacks() -> None:
    bare = "[Service]\nExecStart=/srv/app/run\n"
    assert [one.id for one in examine_unit("a.service", bare)] == ["D201", "D203", "D204", "D205", "D206"]
    whole = bare + "User=app\nNoNewPrivileges=yes\nProtectSystem=strict\nPrivateTmp=yes\nProtectHome=yes\n"
    assert examine_unit("a.service", whole) == []
    assert examine_unit("a.service", "[Service]\nUser=app\nNice=5\n") == [], "a drop-in"
    assert [one.id for one in examine_unit("a.socket", "[Socket]\nListenStream=/run/x\nSocketMode=0666\n")] == ["D207"]


def test_a_line_that_is_none_of_a_unit_is_refused() -> None:
    for text in ("[Service]\nnonsense\n", "[Service]\n=x\n", "# nothing\nUser=x\n"):
        with pytest.raises(ValueError, match="line 2"):
            examine_unit("a.service", text)


@pytest.mark.parametrize("seed", range(3))
def test_no_text_makes_them_fail_otherwise(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        for examine, parts in ((examine_compose, ODD_YAML), (examine_unit, ODD_UNITS)):
            text = "\n".join(chance.choice(parts) for _ in range(chance.randrange(1, 12)))
            with suppress(ValueError, RecursionError):
                examine("compose.yaml", text)


def test_secrets_are_never_shown() -> None:
    found = examine_compose("compose.yaml", HARD + "    environment: {DB_PASSWORD: tr0ub4dor}\n")
    found += examine_unit("a.service", DYNAMIC + "ExecStop=/bin/x --password=tr0ub4dor\n")
    assert len(found) == 2
    assert "tr0ub4dor" not in repr(found)


def test_words_that_are_no_secrets() -> None:
    assert not any(plain_secret("PASSWORD", value) for value in ("", "true", "<from the vault>", "env:X", "****", "12"))
    assert plain_secret("password", "$$ecret")
    assert given_secret("tool --token-file /x --secret %d/secret --verbose yes") == ""


def ours() -> Iterator[tuple[str, str]]:
    """Every Compose file and unit that this project shows or writes, but those that guidelines call wrong."""
    block = re.compile(r'^```(?:yaml|ini)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for one in block.finditer(page.read_text(encoding="utf-8")):
            title, text = one["title"] or "", one["text"]
            if "wrong" not in title and ("\nservices:" in f"\n{text}" or "[Service]" in text):
                yield f"{page.name} {title}", text
    yield "edge", render(site_of(Policy(hosts=["shop.example.com"], proxies=["unix"])), "main:app", "/srv/app", 30)
    made = configurations(Kind.SYSTEMD, Choices())
    yield from ((path, text) for path, text in made.items() if path.endswith(".service"))


def test_what_this_project_shows_and_writes_itself_gives_no_finding() -> None:
    every = dict(ours())
    assert len(every) >= 8
    for name, text in every.items():
        found = examine_unit("a.service", text) if "[Service]" in text else examine_compose("compose.yaml", text)
        assert found == [], name


class TestScanners:
    def test_both_are_in_every_scan_and_find_their_files(self, tmp_path: Path) -> None:
        from datetime import date

        (tmp_path / "deploy").mkdir()
        (tmp_path / "tests").mkdir()
        (tmp_path / "deploy" / "docker-compose.prod.yml").write_text(HARD + "    privileged: true\n")
        (tmp_path / "tests" / "compose.yaml").write_text(HARD + "    privileged: true\n")
        (tmp_path / "app.service").write_text("[Service]\nExecStart=/srv/app/run\n")
        chosen = {one.name: one for one in adapters(date(2027, 1, 15)) if one.name in {"compose", "units"}}
        found = {name: one.run(read_project(tmp_path), Limits()) for name, one in chosen.items()}
        assert [one.status.outcome for one in found.values()] == [Outcome.OK, Outcome.OK]
        (first,) = found["compose"].findings
        assert (str(first.location), first.severity) == (
            "deploy/docker-compose.prod.yml:7 · services.shop",
            Severity.HIGH,
        )
        assert len(found["units"].findings) == 5

    def test_a_file_that_can_not_be_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "compose.yaml").write_text("services: [\n")
        (tmp_path / "app.service").write_text("nonsense\n")
        for adapter in (compose(), units()):
            status = adapter.run(read_project(tmp_path), Limits()).status
            assert (status.outcome, status.required) == (Outcome.INCOMPLETE, True)
        (tmp_path / "compose.yaml").write_text("#" * 600_000)
        status = compose().run(read_project(tmp_path), Limits()).status
        assert (status.outcome, "too large" in status.detail) == (Outcome.INCOMPLETE, True)

    def test_the_time_limit_holds_for_them_as_well(self, tmp_path: Path) -> None:
        (tmp_path / "compose.yaml").write_text(HARD)
        status = compose().run(read_project(tmp_path), Limits(-1)).status
        assert (status.outcome, "1 files (stopped" in status.detail) == (Outcome.INCOMPLETE, True)

    def test_without_such_files_they_say_so(self, tmp_path: Path) -> None:
        status = compose().run(read_project(tmp_path), Limits()).status
        assert (status.outcome, status.required) == (Outcome.SKIPPED, False)


def test_names_that_compose_looks_for() -> None:
    assert all(
        map(
            is_compose, ("compose.yml", "a/docker-compose.prod.yaml", "compose.override.yaml", "docker-compose-dev.yml")
        )
    )
    assert not any(
        map(is_compose, ("mkdocs.yml", "decompose.yaml", "compose.yaml.md", "compose.js", "my-compose.json"))
    )


def test_every_rule_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "scan.md").read_text(encoding="utf-8")
    assert [one.value.id for one in Deploy if f"| [{one.value.id}](" not in page] == []
