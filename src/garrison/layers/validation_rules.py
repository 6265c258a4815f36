"""A sentence for each of pydantic's rules, written here because pydantic's own messages can quote the input.

Only limits of the schema are filled in: numbers, and the listing of allowed values of a literal or enum.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

_GENERIC: Final = "is not valid"
_LISTING: Final = 200
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?")

_PLAIN: Final[Mapping[str, str]] = {
    "missing": "is required",
    "missing_argument": "is required",
    "missing_keyword_only_argument": "is required",
    "missing_positional_only_argument": "is required",
    "json_invalid": "is not valid JSON",
    "json_type": "must be JSON text",
    "recursion_loop": "contains itself",
    "recursion_depth_exceeded": "is nested too deeply",
    "extra_forbidden": "has a field that is not allowed",
    "unexpected_keyword_argument": "has a field that is not allowed",
    "unexpected_positional_argument": "has a value that is not allowed",
    "multiple_argument_values": "is given more than once",
    "invalid_key": "has a key that is not text",
    "frozen_field": "can't be changed",
    "frozen_instance": "can't be changed",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dataclass_type": "must be an object",
    "dataclass_exact_type": "must be an object",
    "named_tuple_type": "must be an object or a list",
    "dict_type": "must be an object",
    "frozen_dict_type": "must be an object",
    "ordered_dict_type": "must be an object",
    "counter_type": "must be an object",
    "mapping_type": "must be an object",
    "none_required": "must be null",
    "finite_number": "must be a finite number",
    "iterable_type": "must be a list",
    "list_type": "must be a list",
    "deque_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "string_type": "must be text",
    "text_character": "has a character that is not allowed",
    "text_unseen": "must have a character that can be seen",
    "hostname": "must be a host name",
    "email": "must be an e-mail address",
    "phone": "must be a telephone number in international form",
    "url": "must be a web address",
    "url_public": "must be a public web address",
    "url_host": "must be at an allowed host",
    "ip": "must be an IP address",
    "ip_public": "must be a public IP address",
    "file_name": "must be a plain file name",
    "row_number": "must be a number in digits",
    "sort": "must name keys to sort by, each once",
    "condition": "must be a name, an operator and a value that can be asked for",
    "cursor": "must be a cursor of this listing",
    "money_float": "must be an amount as text, such as 12.50",
    "money_text": "must be an amount in digits with one point, such as 12.50",
    "money_currency": "must be a currency code of ISO 4217, such as EUR",
    "money_decimals": "has more decimals than the currency",
    "date": "must be a day from 1900 to 2199, such as 2026-11-30",
    "date_time": "must be a moment with its zone, such as 2026-11-30T18:30:00Z",
    "moment_range": "must be a moment between 1900 and 2199",
    "range_order": "must not end before it begins",
    "patch_path": "names a path that can't be changed",
    "string_unicode": "must be valid Unicode text",
    "string_pattern_mismatch": "does not have the required form",
    "string_not_ascii": "must be ASCII text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bytes_type": "must be text",
    "bytes_invalid_encoding": "is not validly encoded",
    "date_type": "must be a date",
    "date_parsing": "must be a date, such as 2026-11-30",
    "date_from_datetime_parsing": "must be a date, such as 2026-11-30",
    "date_from_datetime_inexact": "must be a date without a time",
    "date_past": "must be in the past",
    "date_future": "must be in the future",
    "time_type": "must be a time",
    "time_parsing": "must be a time, such as 18:30:00",
    "datetime_type": "must be a date and time",
    "datetime_parsing": "must be a date and time, such as 2026-11-30T18:30:00Z",
    "datetime_object_invalid": "must be a date and time",
    "datetime_from_date_parsing": "must be a date and time, such as 2026-11-30T18:30:00Z",
    "datetime_past": "must be in the past",
    "datetime_future": "must be in the future",
    "timezone_naive": "must have no time zone",
    "timezone_aware": "must have a time zone",
    "timezone_offset": "has the wrong time zone",
    "time_delta_type": "must be a duration",
    "time_delta_parsing": "must be a duration, such as PT1H30M",
    "union_tag_invalid": "is of an unknown kind",
    "union_tag_not_found": "does not say its kind",
    "url_type": "must be a URL",
    "url_parsing": "must be a URL",
    "url_syntax_violation": "must be a URL",
    "url_scheme": "has a URL scheme that is not allowed",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "uuid_version": "must be a UUID of another version",
    "decimal_type": "must be a decimal number",
    "decimal_parsing": "must be a decimal number",
    "fraction_type": "must be a fraction",
    "fraction_parsing": "must be a fraction",
    "complex_type": "must be a complex number",
    "complex_str_parsing": "must be a complex number",
    "literal_error": "is not one of the allowed values",
    "enum": "is not one of the allowed values",
}

_LIMITED: Final[Mapping[str, tuple[str, str, str]]] = {
    "greater_than": ("gt", "must be greater than {}", "is too small"),
    "greater_than_equal": ("ge", "must be at least {}", "is too small"),
    "less_than": ("lt", "must be less than {}", "is too large"),
    "less_than_equal": ("le", "must be at most {}", "is too large"),
    "range_length": ("days", "must be at most {} days long", "is too long"),
    "patch_long": ("most", "must have at most {} operations", "has too many operations"),
    "multiple_of": ("multiple_of", "must be a multiple of {}", "is not a multiple of the required number"),
    "too_short": ("min_length", "must have at least {} items", "has too few items"),
    "too_long": ("max_length", "must have at most {} items", "has too many items"),
    "string_too_short": ("min_length", "must have at least {} characters", "is too short"),
    "string_too_long": ("max_length", "must have at most {} characters", "is too long"),
    "bytes_too_short": ("min_length", "must have at least {} bytes", "is too short"),
    "bytes_too_long": ("max_length", "must have at most {} bytes", "is too long"),
    "url_too_long": ("max_length", "must have at most {} characters", "is too long"),
    "decimal_max_digits": ("max_digits", "must have at most {} digits", "has too many digits"),
    "decimal_max_places": ("decimal_places", "must have at most {} decimal places", "has too many decimal places"),
    "decimal_whole_digits": ("whole_digits", "must have at most {} digits before the point", "has too many digits"),
}


def describe(rule: str, context: Mapping[str, object]) -> str:
    """What the value must be. Unknown rules, and those whose text is the application's, get a general sentence."""
    if rule in _LIMITED:
        name, limited, plain = _LIMITED[rule]
        limit = _number(context.get(name))
        return limited.format(limit) if limit else plain
    expected = context.get("expected")
    listed = isinstance(expected, str) and expected.isprintable() and len(expected) <= _LISTING
    if rule in {"literal_error", "enum"} and listed:
        return f"must be {expected}"
    return _PLAIN.get(rule, _GENERIC)


def _number(value: object) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else ""
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else ""
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else ""
