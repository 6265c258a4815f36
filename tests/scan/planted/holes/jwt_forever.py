import jwt


def issue(subject: str, key: str) -> str:
    return jwt.encode({"sub": subject, "role": "user"}, key, algorithm="HS256")
