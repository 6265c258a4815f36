"""`garrison routes` finds GraphQL that nothing bounds, however it is served, and is silent where the guard stands."""

from __future__ import annotations

import pytest

from garrison import Policy
from tests.scan.conftest import Examine, found

HEAD = """
import graphql
import strawberry
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from strawberry.asgi import GraphQL
from strawberry.fastapi import GraphQLRouter

app = FastAPI()

@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "O'Brien"

schema = strawberry.Schema(Query)
"""
UNGUARDED = {
    "router": "app.include_router(GraphQLRouter(schema), prefix='/graphql')",
    "mounted": "app.mount('/graphql', GraphQL(schema))",
    "starlette mount": "app = Starlette(routes=[Mount('/graphql', app=GraphQL(schema))])",
    "starlette route": "app = Starlette(routes=[Route('/graphql', GraphQL(schema))])",
    "behind middleware": "from starlette.middleware.gzip import GZipMiddleware\n"
    "app.mount('/graphql', GZipMiddleware(GraphQL(schema)))",
    "own endpoint": "@app.post('/graphql')\nasync def ask(request: Request):\n"
    "    return (await schema.execute((await request.json())['query'])).data",
    "own library": "core = graphql.build_schema('type Query { hello: String }')\n"
    "@app.post('/graphql')\nasync def ask(request: Request):\n"
    "    return graphql.graphql_sync(core, (await request.json())['query']).data",
    "own name": "from graphql import graphql_sync\ncore = graphql.build_schema('type Query { hello: String }')\n"
    "@app.post('/graphql')\nasync def ask(request: Request):\n"
    "    return graphql_sync(core, (await request.json())['query']).data",
}
BENIGN = {
    "prose": "@app.get('/graphql')\ndef about() -> str:\n    return 'How we execute GraphQL: { hello }, O\\'Brien'",
    "another execute": "class Job:\n    def execute(self) -> int:\n        return 1\njob = Job()\n"
    "@app.post('/run')\ndef run() -> int:\n    return job.execute()",
    "schema printed": "@app.get('/schema')\ndef printed() -> str:\n    return schema.as_str()",
}


@pytest.mark.parametrize("case", UNGUARDED)
def test_graphql_that_nothing_guards_is_found_once(case: str, examine: Examine) -> None:
    findings = found(examine(UNGUARDED[case], head=HEAD), "R015")
    assert [one.location.key for one in findings if one.location] == ["/graphql"], case


@pytest.mark.parametrize("case", UNGUARDED)
def test_a_policy_that_names_the_path_is_enough(case: str, examine: Examine) -> None:
    policy = Policy(hosts=["localhost"], graphql={"paths": ["/graphql"]})
    assert found(examine(UNGUARDED[case], head=HEAD, policy=policy), "R015") == []


@pytest.mark.parametrize(
    "graphql", [{}, {"paths": ["/elsewhere"]}, {"paths": ["/graphql"], "mode": "monitor"}], ids=str
)
def test_a_policy_that_does_not_stop_anything_there_is_not(graphql: dict[str, object], examine: Examine) -> None:
    policy = Policy.model_validate({"hosts": ["localhost"], "graphql": graphql})
    assert len(found(examine(UNGUARDED["router"], head=HEAD, policy=policy), "R015")) == 1


@pytest.mark.parametrize("case", BENIGN)
def test_what_is_no_graphql_is_no_finding(case: str, examine: Examine) -> None:
    assert found(examine(BENIGN[case], head=HEAD), "R015") == []
