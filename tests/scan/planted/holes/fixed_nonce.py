from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def seal(key: bytes, text: bytes) -> bytes:
    return AESGCM(key).encrypt(b"\x00" * 12, text, None)
