"""The section `body`: what a JSON document or a form may hold, besides its size."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .section import Section
from .units import Bytes


class BodySection(Section):
    """JSON and forms: how much they hold, and that they read in one way only. Their bytes are bounded by `size`."""

    depth: Annotated[int, Field(ge=1, le=500)] = 32
    """JSON: how deep objects and lists nest."""
    values: Annotated[int, Field(ge=1)] = 20_000
    """JSON: values of the whole document, keys not counted."""
    keys: Annotated[int, Field(ge=1)] = 10_000
    """JSON: keys of all objects together."""
    digits: Annotated[int, Field(ge=16, le=4000)] = 40
    """JSON: characters of one number, sign and point included."""
    fields: Annotated[int, Field(ge=1)] = 1000
    """Forms: fields that are no files."""
    files: Annotated[int, Field(ge=0)] = 50
    """Forms: files of a multipart form."""
    name: Annotated[Bytes, Field(ge=1)] = 200
    """Forms: bytes of a field's name."""
    value: Annotated[Bytes, Field(ge=1)] = 1024**2
    """Forms: bytes of a field's value; files are bounded by `size` alone."""
    part_headers: Annotated[Bytes, Field(ge=128)] = 4096
    """Forms: bytes of the header lines of one part of multipart."""
