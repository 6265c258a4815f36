"""A client with an address of its own: from 127.x.y.z straight to the server, or handed on by a trusted proxy."""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

CONTEXT = ssl._create_unverified_context()  # noqa: S323 - one test exchanges the certificate for another
_FIELD = re.compile(r'name="csrf_token" value="([^"]+)"')
_PATIENCE = 10
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    text: str


class Visitor:
    """One connection that is kept, with a cookie jar. `address` is what the application sees."""

    def __init__(self, port: int, address: str, agent: str = "curl/8.5.0") -> None:
        self.port, self.address, self.agent = port, address, agent
        self.cookies: dict[str, str] = {}
        self.more: dict[str, str] = {}
        self._handed = {} if address.startswith("127.") else {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
        self._source = address if address.startswith("127.") else "127.0.0.1"
        self._connection: http.client.HTTPSConnection | None = None

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", *, read: bool = True
    ) -> Answer:
        """One request; sent once more when the kept connection had ended."""
        sent = {"Host": f"localhost:{self.port}", "User-Agent": self.agent, **self._handed, **self.more}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent |= headers or {}
        if (body or method == "POST") and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(body))
        for again in (True, False):
            try:
                return self._patiently(method, path, sent, body, read)
            except (OSError, http.client.HTTPException):
                self.close()
                if not again:
                    raise
        raise AssertionError

    def _patiently(self, method: str, path: str, headers: Mapping[str, str], body: bytes, read: bool) -> Answer:
        """On a crowded machine load is shed: an attacker tries again."""
        for _ in range(_PATIENCE):
            answer = self._ask(method, path, headers, body, read)
            if answer.status != 503 or "X-Planted" in headers:
                break
            time.sleep(0.3)
        return answer

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes, read: bool) -> Answer:
        connection = self._connection
        if connection is None:
            connection = self._connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=30, source_address=(self._source, 0), context=CONTEXT
            )
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        for line in response.headers.get_all("set-cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if not read:
            self.close()
            return Answer(response.status, "")
        return Answer(response.status, response.read().decode("utf-8", "replace"))

    def close(self) -> None:
        """Hang up; the next request opens a new connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, path: str, body: bytes, kind: str, **headers: str) -> Answer:
        """POST as a page of the site would."""
        same = {"Origin": self.origin, "Content-Type": kind, **headers}
        if token := self.cookies.get("__Host-csrf"):
            same.setdefault("X-CSRF-Token", token)
        return self.ask("POST", path, same, body)

    def post(self, path: str, **fields: str) -> Answer:
        return self.send(path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def try_password(self, email: str, password: str = "not the password") -> Answer:  # noqa: S107 - wrong
        """The log-in form, sent."""
        if "__Host-csrf" not in self.cookies:
            self.get("/log-in")
        return self.post("/log-in", email=email, password=password)

    def sign_up(self, email: str) -> None:
        self.get("/sign-up")
        answer = self.post("/sign-up", email=email, name="Ann", password=PASSWORD)
        assert answer.status == 303, answer

    def log_in(self, email: str) -> None:
        answer = self.try_password(email, PASSWORD)
        assert answer.status == 303, answer
        self.get("/")  # a page's answer brings the token of the new session

    def upload(self, note: str, number: int) -> int:
        """Attach a small file."""
        parts = (
            '--b\r\nContent-Disposition: form-data; name="file"; filename="plan.txt"\r\nContent-Type: text/plain'
            f"\r\n\r\nplan {number}\r\n--b--\r\n"
        )
        return self.send(f"/notes/{note}/attachments", parts.encode(), "multipart/form-data; boundary=b").status
