import ldap
from fastapi import APIRouter
from ldap.filter import escape_filter_chars

router = APIRouter()
directory = ldap.initialize("ldaps://directory.example.com")


@router.get("/people")
def people(name: str) -> object:
    return directory.search_s("dc=example", ldap.SCOPE_SUBTREE, f"(cn={escape_filter_chars(name)})")
