"""Errors of the serve room. All but `ExtraMissingError` are the operator's to mend, and each says with what.

Each subclass adds the one field a caller can act on.
"""

from __future__ import annotations

from pathlib import Path

from ..core.errors import DependencyError, GarrisonError, OperatorError
from ..secrets.errors import FileRefusedError as FileRefusedError


class ServeError(OperatorError):
    """Base of what the operator can mend about serving."""


class ExtraMissingError(DependencyError):
    """A package of an optional extra is not installed. `package` is the one that was looked for."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f"Serving needs the package {package!r}, which is not installed.",
            remedy=f'Install it with: pip install "garrison[{extra}]"',
        )
        self.extra = extra
        self.package = package


class DevCAError(ServeError):
    """The development CA's folder holds something that can't be used. `folder` is that folder."""

    def __init__(self, folder: Path, message: str, *, remedy: str, reference: str = "") -> None:
        super().__init__(message, remedy=remedy, reference=reference)
        self.folder = folder


class NameRefusedError(ServeError):
    """A certificate was asked for a name that does not mean this machine. `name` is that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The development CA issues for loopback names only, not for {name!r}.",
            remedy="Use localhost, a name that ends in .localhost, an address in 127.0.0.0/8, or ::1.",
            reference="RFC 6761 section 6.3",
        )
        self.name = name


class CertificateUnusableError(ServeError):
    """A certificate and key can't be loaded into a TLS context. `path` is the certificate's file."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The certificate {path} and its key can't be used: {why}.",
            remedy="Both must be PEM, unencrypted, readable, and belong together.",
        )
        self.path = path


class ClientCAUnusableError(ServeError):
    """The authorities that clients' certificates are checked against can't be read. `path` is their file."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The clients' certificate authorities {path} can't be used: {why}.",
            remedy="Name a PEM file with the authorities that sign your clients' certificates, each "
            "made with keyUsage=critical,keyCertSign,cRLSign and basicConstraints=critical,CA:TRUE.",
        )
        self.path = path


class BindRefusedError(ServeError):
    """The host to listen on is not loopback. `host` is what was asked for."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"In development the server listens on loopback only, not on {host!r}.",
            remedy="Use --host localhost, 127.0.0.1 or ::1; for others, serve without --dev, and with a policy whose "
            'environment is not "development".',
        )
        self.host = host


class PortUnavailableError(ServeError):
    """The port can't be listened on. `port` is that port, `host` the address it was tried at."""

    def __init__(self, host: str, port: int, why: str, remedy: str) -> None:
        super().__init__(f"Port {port} at {host} can't be listened on: {why}.", remedy=remedy)
        self.host = host
        self.port = port


class StartupFailedError(ServeError):
    """The application ended the server's start. `status` is the exit status the server wanted."""

    def __init__(self, status: int) -> None:
        super().__init__(
            "The application failed while it started up.",
            remedy="Its own error is in the log above.",
        )
        self.status = status


class OptionRefusedError(ServeError):
    """An option is unknown or does not go with the others. `option` is its name."""

    def __init__(self, option: str, message: str, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.option = option


class AppRefusedError(ServeError):
    """A reference does not lead to an ASGI application. `target` is that reference."""

    def __init__(self, target: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.target = target


class AppBrokenError(AppRefusedError):
    """The user's module was found and raised. `details` is its traceback, from the user's first line on.

    Where Garrison itself refused it there, `refused` is that error: it says what is wrong and what to do, and no
    traceback would say more.
    """

    def __init__(self, target: str, message: str, *, details: str = "", refused: GarrisonError | None = None) -> None:
        remedy = "The error is in the application's own code." if refused is None else refused.remedy
        super().__init__(target, message, remedy=remedy)
        self.details = details
        self.reference = refused.reference if refused else ""


class SocketUnavailableError(ServeError):
    """A Unix socket can't be made at `path`."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"Can't listen on {path}: {why}.", remedy="Name another path with --unix, or free this one.")
        self.path = path
