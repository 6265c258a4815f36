"""Every format the command line offers has a writer."""

import pytest

from garrison.findings import Format, Report, write
from garrison.findings.formats import WRITERS

from .samples import full_report, report


def test_every_format_has_a_writer() -> None:
    assert set(WRITERS) == set(Format)


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
