"""Keys and session ids are told from names: the rates the module promises, on seeded samples."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Callable

import pytest

from garrison.events.randomness import WORD, looks_random

SAMPLES = 3000
READABLE = [
    "my-long-article-about-python-in-2026", "test_get_user_by_id_and_name_2", "AbstractSingletonProxyFactoryBean2",
    "getUserByIdAndNameOrEmail", "ORD-2026-11-000123-EUR", "INV-2026-00012345-EUR", "2026-11-23-release-notes-v2",
    "1f468-1f3fc-200d-1f9b3", "RSASSA-PKCS1-V1_5-SIGN", "TLS_AES_256_GCM_SHA384", "python3-django-3-2-19-1",
    "12345678901234567890123456789012", "customer-0000000000001234567", "ENCRYPTED_KEY_SHA256_LENGTH",
    "internationalization-and-localization", "e3b0c442-98fc-1c14-9afb-f4c8996fb924", "20261123T045650Z-backup-01",
    "550e8400-e29b-41d4-a716-446655440000", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "notes_550e8400-e29b-41d4-a716-446655440000", "v1-2-3-da39a3ee5e6b4b0d3255bfef95601890afd80709",
]  # fmt: skip


def _found(make: Callable[[random.Random], str]) -> float:
    source = random.Random(20261123)
    words = [make(source) for _ in range(SAMPLES)]
    return sum(any(looks_random(word) for word in WORD.findall(text)) for text in words) / SAMPLES


def _urlsafe(size: int) -> Callable[[random.Random], str]:
    return lambda source: base64.urlsafe_b64encode(source.randbytes(size)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("make", "rate"),
    [
        (_urlsafe(16), 0.96),
        (_urlsafe(24), 0.99),
        (_urlsafe(32), 0.995),
        (lambda source: base64.b64encode(source.randbytes(32)).decode(), 0.96),
        (lambda source: source.randbytes(32).hex(), 1.0),
        (lambda source: source.randbytes(24).hex().upper(), 1.0),
        (lambda source: base64.b32encode(source.randbytes(20)).decode(), 0.85),
    ],
    ids=["urlsafe-16", "urlsafe-24", "urlsafe-32", "base64-32", "hex-32", "HEX-24", "base32-20"],
)
def test_random_tokens_are_found_at_the_stated_rate(make: Callable[[random.Random], str], rate: float) -> None:
    assert _found(make) >= rate


@pytest.mark.parametrize("word", READABLE)
def test_names_numbers_and_public_identifiers_stay_readable(word: str) -> None:
    assert not looks_random(word)


def test_no_uuid_is_taken_for_a_secret() -> None:
    source = random.Random(7)
    made = [uuid.UUID(bytes=source.randbytes(16), version=4) for _ in range(SAMPLES)]
    assert not [one for one in made if looks_random(str(one)) or looks_random(one.hex) or looks_random(f"id-{one}")]
