class User:
    admin: bool = False


class Refused(Exception):
    pass


def remove_all(user: User, rows: list[int]) -> None:
    if not user.admin:
        raise Refused
    rows.clear()
