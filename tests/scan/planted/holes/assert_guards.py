class User:
    admin: bool = False


def remove_all(user: User, rows: list[int]) -> None:
    assert user.admin, "admins only"
    rows.clear()
