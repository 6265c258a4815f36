import jwt


def who(token):
    return jwt.decode(token, key, algorithms=["HS256"], audience="shop", options={"require": ["exp", "sub"]})
