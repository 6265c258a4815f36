"""Which field names promise a secret."""

from __future__ import annotations

import pytest

from garrison.events.names import promises_secret, squash


@pytest.mark.parametrize(
    "name",
    [
        "password", "newPassword", "PASSWORD_CONFIRMATION", "passwd", "client_secret", "SecretKey", "token",
        "accessToken", "refresh-token", "Authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "api_key",
        "X-Api-Key", "apikey", "session", "sessionId", "SESSION_ID", "csrf", "XSRF-TOKEN", "private_key",
        "aws_secret_access_key",
        "credentials", "jwt", "pin", "user_pin", "otp", "cvv", "ssn", "auth", "sid", "connect.sid", "db_pwd",
    ],
)  # fmt: skip
def test_a_name_of_a_secret_is_known_however_it_is_written(name: str) -> None:
    assert promises_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "author", "authority", "shipping", "pinned", "opinion", "passenger", "bypass", "compass", "key", "keyboard",
        "monkey", "path", "user", "order_id", "token_count", "password_length", "session_age", "cookie_bytes", "detail",
        "limit", "field", "header", "name", "side", "inside", "",
    ],
)  # fmt: skip
def test_a_name_that_only_sounds_alike_is_left(name: str) -> None:
    assert not promises_secret(name)


def test_names_compare_without_case_and_separators() -> None:
    assert squash("Card-Holder") == squash("card_holder") == squash("cardHolder")
