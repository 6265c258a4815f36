import os

import jwt

SECRET_KEY = os.environ["SHOP_SECRET_KEY"]


def issue(subject: str, until: int) -> str:
    return jwt.encode({"sub": subject, "exp": until}, SECRET_KEY, algorithm="HS256")
