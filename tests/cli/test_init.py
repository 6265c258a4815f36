"""`garrison init` writes a policy that fits the application and passes `garrison check`."""

from __future__ import annotations

import os
import pty
import subprocess
import tomllib
from contextlib import suppress

import pytest

from garrison import Policy
from garrison.cli.look import to_pattern
from garrison.core.path import compile_paths
from tests.cli import apps
from tests.cli.running import GARRISON, KEY, Here

KINDS = {"pages": apps.PAGES, "jsonapi": apps.JSON, "plain": apps.STARLETTE, "bare": apps.BARE, "hard": apps.HARDENED}


def written(here: Here, kind: str, *more: str) -> Policy:
    here.write(f"{kind}.py", KINDS[kind])
    ran = here.run("init", f"{kind}:app", "--print", *more)
    assert (ran.code, ran.err) == (0, "")
    return Policy(**tomllib.loads(ran.out))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [(), ("--preset", "browser"), ("--preset", "api"), ("--preset", "compat")])
def test_the_file_passes_the_check_once_the_operator_adds_hosts_and_a_key(
    here: Here, kind: str, more: tuple[str, ...]
) -> None:
    here.write(f"{kind}.py", KINDS[kind])
    assert here.run("init", f"{kind}:app", *more).code == 0
    path = here.folder / "garrison.toml"
    text = path.read_text()
    if "\nhosts = " not in text:
        path.write_text(text.replace("# hosts = ", "hosts = "))
    ran = here.run("check", "--environment", "production", GARRISON_KEY=KEY)
    assert ran.code == 0, ran.out


def test_pages_cookies_and_middleware_are_seen(here: Here) -> None:
    policy = written(here, "pages")
    assert policy.preset == "browser-2026-11"
    assert policy.hosts == ("shop.example.com", "*.shop.example.com")
    assert (policy.cors.origins, policy.cors.development_ports) == (("https://app.example.com",), (5173,))
    assert {route.name: route.paths for route in policy.routes} == {
        "health": ("/healthz",), "login": ("/v1/account/log-in",), "uploads": ("/notes/*/files",),
    }  # fmt: skip


def test_an_api_is_seen(here: Here) -> None:
    policy = written(here, "jsonapi")
    assert policy.preset == "api-2026-11"
    assert [route.paths for route in policy.routes] == [("/token",)]
    assert "application/x-www-form-urlencoded" in policy.effective(policy.routes[0]).content.types


def test_mounts_are_walked(here: Here) -> None:
    assert {route.name: route.paths for route in written(here, "plain").routes} == {
        "health": ("/ping",), "login": ("/api/sign-in",),
    }  # fmt: skip


def test_a_hardened_application_is_looked_into(here: Here) -> None:
    assert written(here, "hard").hosts == ("shop.example.com", "*.shop.example.com")


def test_the_comments_tell_what_the_application_must_change(here: Here) -> None:
    here.write("pages.py", apps.PAGES)
    text = here.run("init", "pages:app", "--print").out
    for words in ("/live/*", "garrison.fastapi", "nonce", "CORSMiddleware", "garrison secrets key"):
        assert words in text


def test_a_file_that_is_there_is_kept_without_force(here: Here) -> None:
    path = here.write("garrison.toml", "mine")
    ran = here.run("init")
    assert ran.code == 3
    assert "--force" in ran.said
    assert path.read_text() == "mine"
    assert here.run("init", "--force").code == 0
    assert "preset" in path.read_text()


def test_a_dangling_link_is_not_written_through(here: Here) -> None:
    (here.folder / "garrison.toml").symlink_to(here.folder / "elsewhere")
    assert here.run("init").code == 3
    assert not (here.folder / "elsewhere").exists()


def test_without_an_application_the_file_is_a_plain_one(here: Here) -> None:
    ran = here.run("init")
    assert ran.code == 0
    assert "No application was looked at" in ran.said
    assert (here.folder / "garrison.toml").exists()


def at_a_terminal(here: Here, typed: str, *more: str) -> tuple[Policy, str]:
    """The policy that is written when somebody types `typed` at a real terminal, and what was printed there."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [*GARRISON, "init", *more], cwd=here.folder, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
        ) as running:
            os.close(theirs)
            os.write(ours, typed.encode())
            said = b""
            with suppress(OSError):  # what Linux says once nobody has the terminal open
                while piece := os.read(ours, 4096):
                    said += piece
            assert running.wait(60) == 0, said
    finally:
        os.close(ours)
    return Policy(**tomllib.loads((here.folder / "garrison.toml").read_text())), said.decode()


@pytest.mark.parametrize(
    ("typed", "subdomains", "preload"), [("y\ny\n", True, True), ("y\n\n", True, False), ("\n", False, False)]
)
def test_at_a_terminal_it_asks_whom_hsts_binds(here: Here, typed: str, subdomains: bool, preload: bool) -> None:
    policy, said = at_a_terminal(here, typed)
    assert "other teams' included" in said
    assert ("months to undo" in said) is subdomains  # without the names below there is no list to be in
    assert policy.headers.hsts is not None
    assert (policy.headers.hsts.include_subdomains, policy.headers.hsts.preload) == (subdomains, preload)


def test_what_is_said_on_the_command_line_is_not_asked(here: Here) -> None:
    policy, said = at_a_terminal(here, "", "--subdomains", "--no-preload")
    assert "?" not in said
    assert policy.headers.hsts is not None
    assert policy.headers.hsts.include_subdomains


def test_without_a_terminal_the_file_asks(here: Here) -> None:
    assert here.process("init").code == 0
    assert "# headers.hsts.include_subdomains = true" in (here.folder / "garrison.toml").read_text()


def test_preload_binds_the_names_below_too(here: Here) -> None:
    text = here.run("init", "--print", "--preload").out
    assert tomllib.loads(text)["headers"]["hsts"] == {"include_subdomains": True, "preload": True}
    refused = here.run("init", "--print", "--preload", "--no-subdomains")
    assert (refused.code, refused.out) == (2, "")


def test_a_mistyped_application_or_preset_writes_nothing(here: Here) -> None:
    assert here.run("init", "nothing:app").code == 3
    ran = here.run("init", "--preset", "broser")
    assert ran.code == 3
    assert "'browser'" in ran.said
    assert list(here.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("/", "/"), ("/a/{b}", "/a/*"), ("/a/{b:int}/c", "/a/*/c"), ("/f/{p:path}", "/f/**"), ("/v{n}/x", ""), ("", ""),
     ("/f/{p:path}/edit", "/f/**")],
)  # fmt: skip
def test_a_routes_path_becomes_a_pattern_that_compiles(path: str, pattern: str) -> None:
    assert to_pattern(path) == pattern
    if pattern:
        compile_paths((pattern,))
