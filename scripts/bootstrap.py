"""Make the project's virtual environment from the locks, on a machine that has only Python, make and git.

Trusts: the Python it is started with, and `requirements/*.txt`. All it installs stands in a lock with its
hash, the installer and the build backend too, so a swapped package stops the set-up instead of running.
Lets pass: whichever index pip and uv are configured to use; the hashes make its honesty unimportant.

Standard library only, and only what Python 3.8 understands: an old interpreter must be able to say what is
missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
NAMES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
PROBE = "import sys; print('%d.%d.%d' % sys.version_info[:3]); sys.stdout.flush(); import ensurepip, venv"


class SetupError(Exception):
    """The set-up cannot go on; the message says what to do."""


# --- which Python ---------------------------------------------------------------------------------------


class Interpreter:
    """A Python that was really started: its version, and whether it can make virtual environments."""

    def __init__(self, path: str, version: tuple[int, ...], complete: bool) -> None:
        self.path = path
        self.version = version
        self.complete = complete

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def probe(path: str) -> Interpreter | None:
    """Start `path`; None when it is no working Python (a version manager's empty shim, say)."""
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=20, check=False)
        version = tuple(int(part) for part in done.stdout.strip().split("."))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Interpreter(path, version, complete=done.returncode == 0)


def candidates(wanted: str) -> list[str]:
    """Paths to try, best first. `wanted` is a command, a path, a version such as 3.13, or empty."""
    by_version = bool(re.fullmatch(r"\d+(\.\d+)*", wanted))
    names = NAMES if not wanted else (f"python{wanted}",) if by_version else (wanted,)
    on_path = [found for found in map(shutil.which, names) if found]
    if wanted and not by_version:
        return on_path
    managed = Path("~/.pyenv/versions").expanduser().glob(f"{wanted or '3.'}*/bin/python")
    return on_path + sorted(map(str, managed), key=_natural, reverse=True)


def _natural(path: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path)]


def choose(wanted: str = "") -> Interpreter:
    """The first suitable Python; SetupError says which were seen and why none would do."""
    seen = [found for found in map(probe, candidates(wanted)) if found is not None]
    recent = [found for found in seen if found.version >= OLDEST]
    for found in recent:
        if found.complete:
            return found
    raise SetupError(_why_none(wanted, seen, recent))


def _why_none(wanted: str, seen: list[Interpreter], recent: list[Interpreter]) -> str:
    if recent:
        short = ".".join(map(str, recent[0].version[:2]))
        return (
            f"{recent[0]} lacks the module venv or ensurepip, so it cannot make a virtual environment.\n"
            f"On Debian and Ubuntu: apt install python{short}-venv (or python3-venv)."
        )
    asked = f"PYTHON={wanted} was asked for. " if wanted else ""
    return (
        f"Garrison needs Python 3.11 or newer. {asked}Found: {', '.join(map(str, seen)) or 'none'}.\n"
        f"Install one, or name one: make demo PYTHON=/path/to/python3.12"
    )


# --- running things -------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """The environment for pip and uv. uv ignores pip's settings: hand over those a closed network needs."""
    env = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME")}
    for pips, uvs in (
        ("PIP_CERT", "SSL_CERT_FILE"),
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
        ("PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT"),
    ):
        if env.get(pips):
            env.setdefault(uvs, env[pips])
    env.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: a company's own authority is in the system's store
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", UV_PYTHON_DOWNLOADS="never")
    return env


def run(title: str, command: list[str]) -> None:
    """Run `command` behind one progress line. Its output is seen only when it fails, in the SetupError."""
    live = sys.stderr.isatty()
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(
            command, cwd=str(ROOT), env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as child:
            while live and child.poll() is None:
                say(f"\r  … {title} {time.monotonic() - began:3.0f} s", end="")
                time.sleep(0.2)
            failed = child.wait() != 0
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    mark = ("\r" if live else "") + ("  ✗" if failed else "  ✓")
    say(f"{mark} {title} {time.monotonic() - began:3.0f} s")
    if failed:
        raise SetupError(" ".join(command[:4]) + " … failed:\n" + "\n".join(text.splitlines()[-30:]))


def say(text: str, end: str = "\n") -> None:
    """Print on standard error: standard output belongs to what the environment is being made for."""
    encoding = sys.stderr.encoding or "ascii"
    sys.stderr.write(text.encode(encoding, "replace").decode(encoding) + end)
    sys.stderr.flush()


# --- the environment and its stamp ----------------------------------------------------------------------


def locks(target: str) -> list[str]:
    """The lock files that make up `target` (demo or dev)."""
    return [str(ROOT / "requirements" / f"{name}.txt") for name in (target, "build", "bootstrap")]


def stamp_for(target: str, venv: Path) -> dict[str, str]:
    """What a finished environment says of itself; it differs once a lock has changed or it was moved."""
    total = hashlib.sha256()
    for path in [*locks(target), str(ROOT / "pyproject.toml"), __file__]:
        total.update(Path(path).read_bytes())
    return {"target": target, "digest": total.hexdigest(), "home": str(venv)}


def read_stamp(venv: Path) -> dict[str, str]:
    """What the environment was last made for; empty when it was never finished."""
    try:
        stamp = json.loads((venv / "garrison-stamp.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def fits(venv: Path, wanted: str, home: str) -> bool:
    """Whether its Python may stay: it starts, is recent, was not moved, and is the one asked for."""
    there = probe(str(venv / "bin" / "python"))
    if there is None or there.version < OLDEST or home != str(venv):
        return False
    return not wanted or choose(wanted).version[:2] == there.version[:2]


def install(venv: Path, target: str) -> None:
    """Install the locks and the project into the environment, hashes checked throughout."""
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "install", "--no-input", "--no-deps"]
    *wanted, bootstrap = locks(target)
    count = len(re.findall("^[^ #]+==", Path(wanted[0]).read_text(encoding="utf-8"), re.MULTILINE))
    title = f"{count} locked packages ({target})"
    if not (venv / "bin" / "pip").exists():
        run("pip", [python, "-m", "ensurepip"])
    try:
        run("uv, the installer", [*pip, "--require-hashes", "-r", bootstrap])
        uv = [str(venv / "bin" / "uv"), "--quiet", "pip", "sync", "--python", python, "--require-hashes"]
        run(title, [*uv, *wanted, bootstrap])
    except SetupError as error:
        # uv is not built for every machine and ignores pip.conf; pip is slower, the hashes are the same.
        say(f"    pip takes over, because {error}")
        run(title, [*pip, "--require-hashes", *(part for path in wanted for part in ("-r", path))])
    run("garrison itself", [*pip, "--no-build-isolation", "--editable", str(ROOT)])


def prepare(target: str, venv: Path, wanted: str = "") -> None:
    """Bring `venv` to what `target` asks for; a developer's environment serves the demo as it is."""
    stamp = read_stamp(venv)
    target = "dev" if stamp.get("target") == "dev" else target
    current = stamp == stamp_for(target, venv) and (venv / "bin" / "python").exists()
    if current and not wanted:
        return
    keep = fits(venv, wanted, stamp.get("home", str(venv)))
    if current and keep:
        return
    say(f"Setting up {venv.name} (once)")
    if not keep:
        python = choose(wanted)
        run(f"{venv.name} with {python}", [python.path, "-m", "venv", "--clear", str(venv)])
    stamp_file = venv / "garrison-stamp.json"
    stamp_file.write_text("{}", encoding="utf-8")  # an interrupted set-up must not look finished
    install(venv, target)
    stamp_file.write_text(json.dumps(stamp_for(target, venv), indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Command line: `bootstrap.py demo|dev [--venv DIR] [--python WHICH]`."""
    parser = argparse.ArgumentParser(description="Make or update the virtual environment from the locks.")
    parser.add_argument("target", choices=("demo", "dev"), help="what the demo needs, or everything")
    parser.add_argument("--venv", default=".venv", help="its directory (default: %(default)s)")
    parser.add_argument("--python", default="", help="command, path or version such as 3.13 (default: the newest)")
    chosen = parser.parse_args(arguments)
    try:
        prepare(chosen.target, ROOT / chosen.venv, chosen.python)
    except SetupError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run the same command again to go on.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
