"""A library with a GraphQL endpoint, as one writes it with Strawberry, and one that takes whatever HTTP allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import strawberry
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from strawberry.fastapi import GraphQLRouter
from strawberry.file_uploads import Upload
from strawberry.schema.config import StrawberryConfig

CALLS: list[str] = []
"""What has run, one word for each call of a resolver."""


@strawberry.type
class Author:
    name: str

    @strawberry.field
    def books(self) -> list[Book]:
        CALLS.append("books")
        return [Book(title="One"), Book(title="Two")]


@strawberry.type
class Book:
    title: str

    @strawberry.field
    def author(self) -> Author:
        CALLS.append("author")
        return Author(name="O'Brien")


@strawberry.type
class Query:
    @strawberry.field
    def books(self) -> list[Book]:
        CALLS.append("books")
        return [Book(title="One"), Book(title="Two")]

    @strawberry.field
    def search(self, text: str) -> str:
        CALLS.append("search")
        return text

    @strawberry.field
    def viewer(self) -> Query:
        CALLS.append("viewer")
        return Query()


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, title: str) -> str:
        CALLS.append("rename")
        return title

    @strawberry.mutation
    async def cover(self, file: Upload, title: str) -> str:
        CALLS.append("cover")
        return f"{title}: {len(await file.read())}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def news(self) -> AsyncIterator[Query]:
        CALLS.append("news")
        yield Query()


schema = strawberry.Schema(
    Query, Mutation, Subscription, config=StrawberryConfig(batching_config={"max_operations": 100})
)


def library() -> FastAPI:
    CALLS.clear()
    app = FastAPI()
    app.include_router(GraphQLRouter(schema, multipart_uploads_enabled=True), prefix="/graphql")
    return app


def permissive() -> Starlette:
    """Any method, query string before body, forms and bare documents: as servers in other languages do."""
    CALLS.clear()
    return Starlette(routes=[Route("/graphql", _any, methods=["GET", "POST"])])


async def _any(request: Request) -> Response:
    kind, given = request.headers.get("content-type", ""), dict(request.query_params)
    if not given.get("query"):
        form = "form" in kind
        given = {k: str(v) for k, v in (await request.form()).items()} if form else {"query": await _text(request)}
    answer = await schema.execute(given["query"])
    found: dict[str, Any] = {"data": answer.data, "errors": [str(one) for one in answer.errors or ()]}
    return JSONResponse(found)


async def _text(request: Request) -> str:
    return (await request.body()).decode()
