import jwt

SECRET_KEY = "9f3b1c77e2d84a0f96b5ce7d2a41f8e3"


def issue(subject: str, until: int) -> str:
    return jwt.encode({"sub": subject, "exp": until}, SECRET_KEY, algorithm="HS256")
