import jwt


def who(token: str, key: str) -> str:
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="shop")
    return str(claims["sub"])
