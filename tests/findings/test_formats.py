"""Every format the command line offers has a writer."""

import subprocess
import sys
from pathlib import Path

import pytest

import garrison.findings
from garrison.findings import Format, Report, write

from .samples import full_report, report


def test_every_writer_has_a_format() -> None:
    folder = Path(garrison.findings.__file__).parent
    assert {path.stem.removeprefix("as_") for path in folder.glob("as_*.py")} == set(Format)


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="pdf"):
        write(report(), "pdf")  # type: ignore[arg-type]


def test_making_findings_loads_no_writer() -> None:
    """Start-up checks make findings in every process: rich and the writers would only slow the start."""
    # Beside the package, since importing garrison itself may load rich for reasons of its own.
    folder = Path(garrison.findings.__file__).parent
    code = f"""
import sys, types
package = types.ModuleType("garrison")
package.__path__ = [{str(folder.parent)!r}]
sys.modules["garrison"] = package
import garrison.findings
print([name for name in sys.modules if name == "rich" or name.startswith("garrison.findings.as_")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("made", [full_report(), report(), report(statuses=())], ids=["full", "clean", "empty"])
def test_every_writer_gives_the_same_text_ending_in_one_line_feed_each_time(format: Format, made: Report) -> None:
    written = write(made, format)
    assert written == write(made, format)
    assert written.endswith("\n")
    assert not written.endswith("\n\n")


@pytest.mark.parametrize("format", list(Format))
def test_every_writer_names_what_did_not_run(format: Format) -> None:
    written = write(full_report(), format)
    assert all(name in written.replace("\\-", "-") for name in ("semgrep", "gitleaks", "pip-audit"))
