"""The terminal picture of the README, `docs/images/terminal.svg`: real commands against a running demo, recorded.

`python -m scripts.docs_terminal`. Drawn anew by hand when what it shows has changed: ids and times differ each time.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "images" / "terminal.svg"
BIN: Final = Path(sys.executable).parent
PORT: Final = 8443
WIDTH: Final = 112
_PATIENCE: Final = 30.0
_CURL: Final = 'curl --cacert "$(garrison certs ca)"'
ATTACKS: Final = (
    f"{_CURL} -H 'Host: attacker.example' https://localhost:{PORT}/",
    f"{_CURL} -H 'Origin: https://attacker.example' -H 'Sec-Fetch-Site: cross-site' \\\n"
    f"    -d email=demo@example.com https://localhost:{PORT}/log-in",
)


def main() -> int:
    """Run the demo and the commands, and draw what they print."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with TemporaryDirectory() as folder:
        environ = os.environ | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "GARRISON_DEVCA_DIR": str(Path(folder, "ca")),
            "COLUMNS": str(WIDTH),
        }
        demo = subprocess.Popen(
            [BIN / "garrison", "demo", "--port", str(PORT), "--state", folder], env=environ, stderr=subprocess.DEVNULL
        )
        try:
            _record(console, environ, Path(folder, "garrison"))
        finally:
            demo.terminate()
            demo.wait(_PATIENCE)
    svg = console.export_svg(title="garrison demo")
    # Pages load nothing from elsewhere: the reader's own fixed-width font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    PICTURE.write_text(svg.replace("Fira Code", "ui-monospace, Menlo, Consolas").rstrip() + "\n", encoding="utf-8")
    return 0


def _record(console: Console, environ: dict[str, str], state: Path) -> None:
    answer = ""
    for command in ATTACKS:
        answer = _answer(command, environ)
        _show(console, command, answer)
    # An operator stands in the application's folder; here policy and state are told by environment.
    inside = environ | {
        "GARRISON_STATE": str(state),
        "GARRISON_POLICY": str(ROOT / "examples" / "notes" / "garrison.toml"),
        "GARRISON_ENVIRONMENT": "development",
    }
    command = f"garrison events show {json.loads(answer)['request_id']}"
    time.sleep(1)  # events are written in batches, about ten a second
    shown = _run(command, inside).stdout.replace(f"{ROOT}/", "")
    _show(console, command, "\n".join(line.rstrip() for line in shown.rstrip().splitlines()))


def _answer(command: str, environ: dict[str, str]) -> str:
    deadline = time.monotonic() + _PATIENCE
    while not (found := _run(command.replace("curl", "curl -sS", 1), environ)).stdout:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the demo did not answer: {found.stderr}")
        time.sleep(0.2)
    return found.stdout


def _run(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, timeout=60, check=False)


def _show(console: Console, command: str, output: str) -> None:
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text(output))
    console.print()


if __name__ == "__main__":
    sys.exit(main())
