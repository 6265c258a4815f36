"""A table of networks is read whole or not at all, and the longest network decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette

from garrison import harden
from garrison.detection.asn import AsnTable, AsnTableWrong, parse_asn, read_table
from garrison.testing import testing_policy


@pytest.mark.parametrize(
    ("text", "asn"),
    [("64500", "64500"), ("AS64500", "64500"), (" as64500 ", "64500"), ("4294967295", "4294967295"), ("0", ""),
     ("4294967296", ""), ("-1", ""), ("64500x", ""), ("", ""), ("١٢", "")],
)  # fmt: skip
def test_a_number_is_a_number_and_nothing_else(text: str, asn: str) -> None:
    assert parse_asn(text) == asn


def test_the_longest_network_that_holds_an_address_decides() -> None:
    table = AsnTable(["10.0.0.0/8 1", "10.1.0.0/16\t2", "10.1.2.3/32, AS3", "10.2.0.0/16 0", "2001:db8::/32;4 # note"])
    asked = ("10.9.9.9", "10.1.9.9", "10.1.2.3", "10.2.0.1", "2001:db8::1", "11.0.0.1", "2002::1", "[redacted]", "")
    assert [table.find(one) for one in asked] == ["1", "2", "3", "", "4", "", "", "", ""]


@pytest.mark.parametrize("line", ["10.0.0.0/8", "10.0.0.1/8 5", "nonsense 5", "10.0.0.0/33 5", "10.0.0.0/8 five"])
def test_a_line_that_can_not_be_read_is_named_and_stops_the_start(tmp_path: Path, line: str) -> None:
    file = tmp_path / "networks.txt"
    file.write_text(f"# header\n10.0.0.0/8 5\n{line}\n", encoding="ascii")
    with pytest.raises(AsnTableWrong, match="line 3") as caught:
        harden(Starlette(), testing_policy(detection={"enabled": True, "asn_table": str(file)}))
    assert (caught.value.file, caught.value.line) == (str(file), 3)


@pytest.mark.parametrize(
    "content", [None, b"", b"# nothing\n", b"\xff\xfe"], ids=["missing", "empty", "notes", "binary"]
)
def test_a_file_that_holds_no_table_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "networks.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AsnTableWrong):
        read_table(str(file))
