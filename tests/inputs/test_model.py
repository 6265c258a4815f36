"""The strict base model bounds what its fields leave open."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import (
    BaseModel,
    Field,
    RootModel,
    SecretStr,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType, TypedDict

from garrison.inputs import Broken, FormInput, Input, Name, require
from garrison.inputs.model import UnboundedModel


class Part(Input):
    label: str = ""


class Loose(Input):
    text: str = ""
    count: int = 0
    share: float = 0.0
    price: Decimal = Decimal(0)
    tags: list[str] = Field([])
    scores: dict[str, int] = Field({})
    parts: list[Part] = Field([])
    maybe: str | int | None = None
    metadata: str = ""
    default: list[int] = Field([])
    wide: Annotated[str, Field(max_length=20_000)] = ""


class Plain(BaseModel):
    """The control: what pydantic alone takes."""

    text: str = ""
    count: int = 0
    share: float = 0.0
    price: Decimal = Decimal(0)
    tags: list[str] = Field([])
    scores: dict[str, int] = Field({})
    parts: list[dict[str, str]] = Field([])
    maybe: str | int | None = None
    metadata: str = ""
    default: list[int] = Field([])
    wide: str = ""


BEYOND: list[dict[str, Any]] = [
    {"text": "x" * 10_001},
    {"text": "a\x00"},
    {"text": "a\u202eb"},
    {"metadata": "x" * 10_001},
    {"default": [1] * 1001},
    {"count": 2**53},
    {"count": -(2**53)},
    {"share": float("inf")},
    {"share": float("nan")},
    {"share": 1e300},
    {"price": "1" * 39},
    {"tags": ["x"] * 1001},
    {"tags": ["a\x00"]},
    {"scores": {str(n): n for n in range(1001)}},
    {"scores": {"a\x00": 1}},
    {"parts": [{"label": "a\x00"}]},
    {"maybe": "a\x00"},
    {"admin": True},
]


@pytest.mark.parametrize("given", BEYOND, ids=str)
def test_what_is_beyond_reason_is_refused_and_pydantic_alone_takes_it(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Loose.model_validate(given)
    assert "input_value" not in str(caught.value)
    Plain.model_validate(given)  # the control


def test_a_field_names_its_own_bound() -> None:
    assert len(Loose(wide="x" * 20_000).wide) == 20_000
    with pytest.raises(ValidationError):
        Loose(wide="x" * 20_001)


def test_ordinary_input_is_taken_in_one_form() -> None:
    taken = Loose.model_validate({"text": " e\u0301 ", "tags": ["O'Brien", "SELECT 1; --", "👩‍🚀"], "maybe": 3})
    assert (taken.text, taken.tags, taken.maybe) == ("é", ["O'Brien", "SELECT 1; --", "👩‍🚀"], 3)


def test_the_bounds_stand_in_the_schema() -> None:
    fields = Loose.model_json_schema()["properties"]
    assert fields["text"]["maxLength"] == 10_000
    assert fields["tags"]["maxItems"] == 1000
    assert fields["count"]["maximum"] == 2**53 - 1
    assert Loose.model_json_schema()["additionalProperties"] is False


class LogIn(FormInput):
    password: SecretStr


def test_a_password_is_neither_stripped_nor_normalised_but_bounded() -> None:
    assert LogIn.model_validate({"password": " e\u0301\t"}).password.get_secret_value() == " e\u0301\t"
    with pytest.raises(ValidationError):
        LogIn.model_validate({"password": "x" * 10_001})


def test_a_form_carries_the_csrf_token_and_nothing_else_that_is_not_declared() -> None:
    assert LogIn.model_validate({"password": "x", "csrf_token": "t"}).password.get_secret_value() == "x"
    with pytest.raises(ValidationError):
        LogIn.model_validate({"password": "x", "role": "admin"})


class Booking(Input):
    name: Name
    seats: int

    @field_validator("seats")
    @classmethod
    def _even(cls, seats: int) -> int:
        if seats % 2:
            raise ValueError("seats come in pairs")
        return seats

    @model_validator(mode="after")
    def _alone(self) -> Booking:
        if self.name == "alone" and self.seats > 2:
            raise ValueError("one person, one pair")
        return self


def test_validators_of_fields_and_of_the_whole_work_as_in_pydantic() -> None:
    assert Booking(name="x", seats=4).seats == 4
    for seats, name in ((3, "x"), (4, "alone")):
        with pytest.raises(ValidationError):
            Booking(name=name, seats=seats)


def test_a_broken_business_rule_is_answered_like_a_malformed_field() -> None:
    app = FastAPI()

    async def free(booking: Booking) -> Broken | None:
        return Broken("seats", "There are not so many seats left.") if booking.seats > 10 else None

    @app.post("/bookings")
    async def book(booking: Booking) -> int:
        return (await require(booking, free)).seats

    client = TestClient(app)
    assert client.post("/bookings", json={"name": "a", "seats": 4}).json() == 4
    answer = client.post("/bookings", json={"name": "a", "seats": 12})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "seats"]


class Tagged(Input):
    tags: Annotated[list[str], Field(max_length=3)]
    nested: list[list[str]] = Field(default_factory=list)


class Author(BaseModel):
    """A model of pydantic's own."""

    name: str


@pydantic_dataclass
class Place:
    name: str


class Titles(RootModel[list[str]]):
    pass


@pytest.mark.parametrize("kind", [Author, list[Author], Author | None, dict[str, Author], Place, Titles])
def test_a_model_without_bounds_is_no_part_of_one_that_has_them(kind: Any) -> None:
    assert Author(name="x" * 10**6)  # the control: nothing bounds it
    with pytest.raises(UnboundedModel, match="would have no bounds"):
        create_model("Made", __base__=Input, part=(kind, ...))


def test_a_model_that_inherits_both_is_bounded() -> None:
    class AuthorIn(Author, Input):
        pass

    made = create_model("Made", __base__=Input, parts=(list[AuthorIn], ...))
    made.model_validate({"parts": [{"name": "x"}]})
    for bad in ({"name": "x" * 10_001}, {"name": "x", "role": "admin"}):
        with pytest.raises(ValidationError):
            made.model_validate({"parts": [bad]})


@dataclass
class Room:
    name: str
    rooms: list[Room] = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    name: str


class Table(TypedDict):
    name: str


Names = TypeAliasType("Names", list[str])


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        (Room, lambda text: {"name": text}),
        (Room, lambda text: {"name": "x", "rooms": [{"name": text}]}),
        (Pair, lambda text: [text]),
        (Table, lambda text: {"name": text}),
        (list[Table], lambda text: [{"name": text}]),
        (Names, lambda text: [text]),
    ],
)
def test_what_fields_are_made_of_is_bounded_wherever_it_is_defined(kind: Any, wrap: Callable[[str], Any]) -> None:
    made = create_model("Made", __base__=Input, one=(kind, ...), other=(kind, ...))
    made.model_validate({"one": wrap("O'Brien 👩‍🚀"), "other": wrap("b")})
    for bad in ("x" * 10_001, "a\x00", "a\u202e"):
        with pytest.raises(ValidationError):
            made.model_validate({"one": wrap("a"), "other": wrap(bad)})
        TypeAdapter(kind).validate_python(wrap(bad))  # the control, and elsewhere it stays what it was


def test_a_list_of_text_is_cleaned_item_by_item() -> None:
    assert Tagged(tags=[" O'Brien ", "cafe\u0301", "a\r\nb"]).tags == ["O'Brien", "caf\u00e9", "a\nb"]
    # what begins with a mark is joined to what stands before it in no other way than it came
    assert Tagged(tags=["e", "\u0301", "日本 😀"]).tags == ["e", "\u0301", "日本 😀"]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"tags": ["ok", "a\u202eb"]}, ("tags", 1)),
        ({"tags": ["x" * 10_001]}, ("tags", 0)),
        ({"tags": ["a", 1]}, ("tags", 1)),
        ({"tags": ["a"] * 4}, ("tags",)),
        ({"tags": [], "nested": [["a"], ["b", "c\x00"]]}, ("nested", 1, 1)),
    ],
)
def test_what_is_wrong_in_a_list_of_text_is_told_by_its_place(
    given: dict[str, object], where: tuple[object, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Tagged.model_validate(given)
    assert [one["loc"] for one in caught.value.errors()] == [where]
