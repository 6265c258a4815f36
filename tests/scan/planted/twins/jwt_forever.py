from datetime import UTC, datetime, timedelta

import jwt


def issue(subject: str, key: str) -> str:
    until = datetime.now(UTC) + timedelta(minutes=10)
    return jwt.encode({"sub": subject, "role": "user", "exp": until}, key, algorithm="HS256")
