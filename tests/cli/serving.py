"""A serving command as a real process, and requests to it over verified HTTPS."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.cli.running import GARRISON, Here

_URL = re.compile(r"https://localhost:\d+")
_WAIT = 60.0


@dataclass
class Served:
    """A running command. `said` grows with what it prints on standard error."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    ended: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def text(self) -> str:
        return "".join(self.said)

    @property
    def url(self) -> str:
        found = _URL.search(self.text)
        assert found, self.text
        return found[0]

    @property
    def client(self) -> httpx.Client:
        """Trusts the development CA and nothing else."""
        context = ssl.create_default_context(cafile=str(Path(os.environ["GARRISON_DEVCA_DIR"], "ca.pem")))
        return httpx.Client(base_url=self.url, verify=context, timeout=_WAIT, trust_env=False)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.said.append(line)
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_for(self, words: str, times: int = 1) -> None:
        """Until the command has said `words` so many times; it fails when it ends or takes too long."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.text.count(words) >= times or self.ended, _WAIT), self.text
        assert self.text.count(words) >= times, self.text

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and its exit code."""
        self.process.send_signal(how)
        return self.process.wait(_WAIT)


@contextmanager
def serving(here: Here, *arguments: str, until: str, **environ: str) -> Iterator[Served]:
    """`garrison ARGUMENTS`, once it has said `until`; stopped at the end whatever happens."""
    process = subprocess.Popen(
        [*GARRISON, *arguments], cwd=here.folder, env={**os.environ, **environ}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    served = Served(process)
    reader = threading.Thread(target=served.read, daemon=True)
    reader.start()
    try:
        served.wait_for(until)
        yield served
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # a group of its own: its children end with it
        process.wait(_WAIT)
        reader.join(_WAIT)
