"""The audit log: how many events a second reach the disk through the whole bus, and how many are verified.

Durable is: emitted, shaped, redacted, hashed, written and committed to the audit log alone, from the first emit to the
end of the flush. Verify reads them back: every leaf, commitment, link and checkpoint.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from garrison.asgi.facts import ReadFacts
from garrison.core.clock import SYSTEM
from garrison.events.audit.build import audit_folder, build_audit, signers
from garrison.events.audit.source import parts_of
from garrison.events.audit.verify import verify
from garrison.events.bus import Bus
from garrison.policy.model import EventsSection

from .asgi import scope_of
from .contenders import POST, policy
from .events import refusal
from .harness import Result, Size, result

_SLICE = 2_500


def measure(size: Size) -> list[Result]:
    facts = ReadFacts(policy(), ())(scope_of(POST))
    count = size.of(40_000)
    with TemporaryDirectory() as state:
        asked = policy(state=state, audit={"enabled": True})
        bus = Bus(EventsSection(), SYSTEM, [], "bench")
        log = build_audit(asked, SYSTEM, [b"s" * 32], bus.emit, "bench")
        bus.attach(log, opened=True)
        refuse = refusal(bus, facts)
        start = time.perf_counter()
        for number in range(count):
            refuse()
            if number % _SLICE == 0:
                bus.flush()
        assert bus.flush(30.0), "the queue was not written out in time"
        written = time.perf_counter() - start
        bus.close()
        keys = [one.public for one in signers([b"s" * 32], "bench")]
        with parts_of(audit_folder(asked)) as parts:
            start = time.perf_counter()
            report = verify(parts, keys)
            verified = time.perf_counter() - start
        assert report.ok, report.problems
        assert report.size == report.covered == count + 1
        weight = sum(path.stat().st_size for path in Path(audit_folder(asked)).iterdir()) / count
    return [
        result(
            "audit.durable", count / written, "1/s", must=">= 5000", versus="emitted and committed to the audit log"
        ),
        result("audit.verify", report.size / verified, "1/s", must=">= 100000", versus="read and checked in full"),
        result("audit.bytes", weight, "B", versus="on the disk for each event"),
    ]
