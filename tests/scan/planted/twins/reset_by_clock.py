import secrets


def reset_link() -> str:
    token = secrets.token_urlsafe(32)
    return f"https://shop.example.com/reset/{token}"
