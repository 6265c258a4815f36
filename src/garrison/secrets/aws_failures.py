"""What went wrong at AWS, as one of our errors: by the code of its answer, or by the kind of boto3's error.

No text of an answer is told on: it may hold anything. Sources: API references of Secrets Manager (GetSecretValue), of
Systems Manager (GetParameter) and their common errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from .errors import SecretMissing, SecretRefused, SourceAway

Failure: TypeAlias = SecretMissing | SecretRefused | SourceAway


class LogInRefused(SecretRefused):
    """AWS does not take our log-in."""


def failure_of(error: Exception, place: str, what: str, needs: str, timeout: float) -> Failure:
    """Ours for `error`, which came when the service `place` was asked for `what`. `needs` is the right that it takes,
    `timeout` how many seconds were waited."""
    code = _code(error)
    if code:
        return _told(code, place, what, needs)
    name = type(error).__name__
    if name in {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}:
        return no_log_in(place)
    if name == "NoRegionError":
        return SourceAway(place, "no region is set", 'Write it: [aws] region = "eu-central-1".')
    if name == "SSLError":
        remedy = "Name the authority in `aws.ca`, or mend the certificate."
        return SourceAway(place, "its certificate is not trusted", remedy)
    remedy = "See whether the way there is open."
    if name in {"ConnectTimeoutError", "ReadTimeoutError"}:
        return SourceAway(place, f"no answer within {timeout:g} s", remedy)
    return SourceAway(place, f"it can't be reached ({name})", remedy)


def no_log_in(place: str) -> SourceAway:
    """There is nothing to log in with."""
    remedy = "Give the machine, pod or task a role, or write `aws.access_key` and `aws.secret_key` as references."
    return SourceAway(place, "there is no log-in", remedy)


def _code(error: Exception) -> str:
    """The code with which a service refuses; empty for another kind of failure."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    return code[:64] if isinstance(code, str) and code.isascii() and code.isalnum() else ""


def _told(code: str, place: str, what: str, needs: str) -> Failure:
    for codes, tell in _CODES:
        if code in codes:
            return tell(code, place, what, needs)
    return SecretRefused(what, f"AWS does not take the request ({code})", "See `garrison secrets doctor`.")


def _missing(code: str, place: str, what: str, needs: str) -> Failure:
    return SecretMissing(what, "Write it there, or correct its name, the region or the account.")


def _deleted(code: str, place: str, what: str, needs: str) -> Failure:
    return SecretMissing(what, "If it is scheduled for deletion: `aws secretsmanager restore-secret`.")


def _denied(code: str, place: str, what: str, needs: str) -> Failure:
    remedy = f"The IAM policy of our role lacks: {needs}. `garrison secrets policy --for aws` writes all of it."
    return SecretRefused(what, "permission is denied by AWS", remedy)


def _no_key(code: str, place: str, what: str, needs: str) -> Failure:
    remedy = "Name that key in `aws.kms_keys`, and allow what `garrison secrets policy --for aws` writes."
    return SecretRefused(what, f"the key that it is encrypted with can't be used ({code})", remedy)


def _log_in(code: str, place: str, what: str, needs: str) -> Failure:
    remedy = "Renew the access key or the role, and see that the clock is right."
    return LogInRefused(what, f"AWS does not take our log-in ({code})", remedy)


def _throttled(code: str, place: str, what: str, needs: str) -> Failure:
    return SourceAway(place, "it was asked too often", "Have the quota raised, or raise `secrets.refresh`.")


def _failed(code: str, place: str, what: str, needs: str) -> Failure:
    return SourceAway(place, f"it failed ({code})", "It is asked again; see AWS's health page if this lasts.")


_CODES: Final[tuple[tuple[frozenset[str], Callable[[str, str, str, str], Failure]], ...]] = (
    (frozenset({"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"}), _missing),
    (frozenset({"InvalidRequestException"}), _deleted),
    (frozenset({"AccessDeniedException", "AccessDenied"}), _denied),
    (frozenset({"DecryptionFailure", "InvalidKeyId", "KMSAccessDeniedException", "KMSInvalidStateException"}), _no_key),
    (
        frozenset(
            {"UnrecognizedClientException", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException",
             "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "RequestExpired",
             "MissingAuthenticationToken", "MissingAuthenticationTokenException", "AuthFailure"}
        ),
        _log_in,
    ),
    (
        frozenset(
            {"ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException",
             "RequestLimitExceeded", "RequestThrottledException"}
        ),
        _throttled,
    ),
    (
        # A number is the status of what did not speak as the service does: something on the way to it.
        frozenset(
            {"InternalServiceError", "InternalServerError", "InternalFailure", "ServiceUnavailable",
             "500", "502", "503", "504"}
        ),
        _failed,
    ),
)  # fmt: skip
