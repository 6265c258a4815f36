"""What a GraphQL document asks for, counted before any schema sees it (GraphQL specification, October 2021, section 2).

Threat: a few bytes that make a server work without end (CWE-770, CWE-674): fields nested in circles, one field under a
thousand aliases, fragments that double each other or themselves, directives by the hundred, and the introspection that
tells an attacker where to begin.

How: tokens and nesting are bounded while the document is read. Then each fragment is counted once, with all that it
spreads, so that counting takes time linear in the document, whatever it would unfold to; a fragment in a circle is
refused. All operations and fragments count, also those that `operationName` does not choose: validation reads them all.

Assumption: the bytes are bounded before (the layer `size`). Lets pass: what is costly in the schema's own terms (a list
asked for with `first: 1000000`: bound it where it is resolved); documents that no schema would accept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    parse,
)

from ..policy.section_graphql import GraphqlSection

_SCHEMA: Final = frozenset({"__schema", "__type", "_service"})
"""Fields that show the schema; `_service { sdl }` is Apollo Federation's."""
_SCHEMA_LISTS: Final = frozenset({"fields", "inputFields", "interfaces", "possibleTypes"})
_SCHEMA_DEPTH: Final = 20
_SCHEMA_NESTED: Final = 2
"""Lists of the schema inside each other: GraphiQL needs none, graphql-js refuses three (MaxIntrospectionDepthRule)."""


class GraphqlRefused(ValueError):
    """A document is out of bounds. `why` is one word or two; nothing of the input is kept."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The GraphQL request is not accepted: {why}.")
        self.why = why


@dataclass(frozen=True, slots=True)
class Cost:
    """What a selection asks for, fragments unfolded.

    depth    fields that nest; what stands below `__schema` and `__type` has a bound of its own and is left out
    nested   lists of the schema inside each other, should this stand below `__schema`
    below    depth, should this stand below `__schema`
    """

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    below: int = 0
    nested: int = 0

    def beside(self, other: Cost) -> Cost:
        return Cost(
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.depth, other.depth),
            max(self.below, other.below),
            max(self.nested, other.nested),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operations of a document ask for together, and whether one of them changes something."""

    cost: Cost
    mutates: bool


def judge_document(text: str, limits: GraphqlSection) -> Asked:
    """What `text` asks for. Raises `GraphqlRefused`, and nothing else, for whatever a client sends."""
    if len(text) > limits.document or len(text.encode("utf-8", "surrogatepass")) > limits.document:
        raise GraphqlRefused("document")
    try:
        definitions = parse(text, no_location=True, max_tokens=limits.tokens).definitions
        return _Count(definitions, limits).asked()
    except RecursionError:  # nesting, or a chain of fragments, beyond what Python follows: far beyond any bound here
        raise GraphqlRefused("depth") from None
    except GraphQLError as error:
        words = {"tokens": "tokens", "nested too deeply": "depth"}
        raise GraphqlRefused(next((why for text, why in words.items() if text in error.message), "malformed")) from None


class _Count:
    def __init__(self, definitions: Iterable[object], limits: GraphqlSection) -> None:
        self._limits = limits
        self._operations: list[OperationDefinitionNode] = []
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        self._known: dict[str, Cost] = {}
        self._open: set[str] = set()
        for one in definitions:
            if isinstance(one, OperationDefinitionNode):
                self._operations.append(one)
            elif isinstance(one, FragmentDefinitionNode) and one.name.value not in self._fragments:
                self._fragments[one.name.value] = one
            else:  # a definition of types, or a name twice: which of the two counts?
                raise GraphqlRefused("malformed")

    def asked(self) -> Asked:
        total = Cost()
        for operation in self._operations:
            own = len(operation.directives or ())
            own += sum(len(one.directives or ()) for one in operation.variable_definitions or ())
            total = self._within(total.beside(self._selections(operation.selection_set.selections, own)))
        for name in self._fragments:
            self._fragment(name)
        return Asked(total, any(one.operation is OperationType.MUTATION for one in self._operations))

    def _selections(self, selections: Iterable[SelectionNode], directives: int = 0) -> Cost:
        fields = aliases = depth = below = nested = 0
        for one in selections:
            cost = self._selection(one)
            fields += cost.fields
            aliases += cost.aliases
            directives += cost.directives
            depth = max(depth, cost.depth)
            below = max(below, cost.below)
            nested = max(nested, cost.nested)
        return self._within(Cost(fields, aliases, directives, depth, below, nested))

    def _selection(self, one: SelectionNode) -> Cost:
        own = len(one.directives or ())
        if isinstance(one, FieldNode):
            return self._field(one, own)
        if isinstance(one, FragmentSpreadNode):
            return self._fragment(one.name.value).beside(Cost(directives=own))
        if isinstance(one, InlineFragmentNode):
            return self._selections(one.selection_set.selections, own)
        raise GraphqlRefused("malformed")

    def _field(self, field: FieldNode, directives: int) -> Cost:
        name = field.name.value
        if not (directives or field.alias or field.selection_set or name in _SCHEMA):
            return _LEAF
        inner = self._selections(field.selection_set.selections) if field.selection_set else Cost()
        depth = inner.depth + 1
        if name in _SCHEMA:
            self._judge_schema(inner)
            depth = 1
        return Cost(
            inner.fields + 1,
            inner.aliases + (field.alias is not None),
            inner.directives + directives,
            depth,
            inner.below + 1,
            inner.nested + (name in _SCHEMA_LISTS),
        )

    def _judge_schema(self, inner: Cost) -> None:
        if self._limits.introspection == "refuse":
            raise GraphqlRefused("introspection")
        if inner.below > _SCHEMA_DEPTH or inner.nested > _SCHEMA_NESTED:
            raise GraphqlRefused("introspection-depth")

    def _fragment(self, name: str) -> Cost:
        """What a fragment asks for. One that is not there asks for nothing: the schema refuses it."""
        if name in self._open:
            raise GraphqlRefused("cycle")
        if name not in self._known and (fragment := self._fragments.get(name)):
            self._open.add(name)
            self._known[name] = self._selections(fragment.selection_set.selections, len(fragment.directives or ()))
            self._open.discard(name)
        return self._known.get(name, _NOTHING)

    def _within(self, cost: Cost) -> Cost:
        """`cost`, unless it is out of bounds already: numbers stay small, however fragments double."""
        for name in _BOUNDS:
            if getattr(cost, name) > getattr(self._limits, name):
                raise GraphqlRefused(name)
        return cost


_NOTHING: Final = Cost()
_LEAF: Final = Cost(fields=1, depth=1, below=1)
_BOUNDS: Final = ("fields", "aliases", "directives")


def judge_total(asked: Iterable[Asked], limits: GraphqlSection) -> None:
    """Raise `GraphqlRefused` where the documents of one request ask for too much together."""
    total = Cost()
    for one in asked:
        total = total.beside(one.cost)
    bounds: Mapping[str, int] = {name: getattr(limits, name) for name in (*_BOUNDS, "depth")}
    for name, most in bounds.items():
        if getattr(total, name) > most:
            raise GraphqlRefused(name)
