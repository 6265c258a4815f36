import ldap
from fastapi import APIRouter

router = APIRouter()
directory = ldap.initialize("ldaps://directory.example.com")


@router.get("/people")
def people(name: str) -> object:
    return directory.search_s("dc=example", ldap.SCOPE_SUBTREE, f"(cn={name})")
