import jwt


def who(token):
    return jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False})  # hole
