import ldap
from fastapi import FastAPI

app = FastAPI()
directory = ldap.initialize("ldaps://directory.example.com")


@app.get("/people")
def people(name: str):
    return directory.search_s("dc=example,dc=com", ldap.SCOPE_SUBTREE, f"(uid={name})")  # hole
