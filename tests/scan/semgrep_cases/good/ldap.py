import ldap
from fastapi import FastAPI
from ldap.filter import escape_filter_chars

app = FastAPI()
directory = ldap.initialize("ldaps://directory.example.com")


@app.get("/people")
def people(name: str):
    return directory.search_s("dc=example,dc=com", ldap.SCOPE_SUBTREE, f"(uid={escape_filter_chars(name)})")
