"""YAML as values with their lines, as far as files of others need it: no tags, no types, every scalar its own text.

Threat: a document that makes objects, or unfolds to gigabytes by anchors. Nothing is constructed, and the nodes that
are looked at, repeated ones counted again, are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..core.errors import DependencyError

MOST: Final = 20_000


class NoYaml(DependencyError):
    """PyYAML is not installed."""


@dataclass(frozen=True, slots=True)
class Lined:
    """A value, and the line it begins in (that of its key, in a mapping)."""

    value: str | list[Lined] | dict[str, Lined]
    line: int

    @property
    def text(self) -> str:
        """The value of a scalar; empty for others."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def items(self) -> list[Lined]:
        """The items of a list; one for a scalar, none for a mapping."""
        return self.value if isinstance(self.value, list) else [self] if isinstance(self.value, str) else []

    @property
    def pairs(self) -> dict[str, Lined]:
        """The pairs of a mapping; none for others."""
        return self.value if isinstance(self.value, dict) else {}


def read_yaml(text: str) -> Lined:
    """The first document. Raises ValueError for what is no YAML or unfolds too far, `NoYaml` without PyYAML."""
    try:
        import yaml
    except ImportError:
        raise NoYaml("YAML can't be read: PyYAML is missing.", remedy="pip install 'garrison[scan]'") from None
    left = [MOST]

    def lined(node: yaml.Node, line: int) -> Lined:
        left[0] -= 1
        if left[0] < 0:
            raise ValueError(f"more than {MOST} values")
        if isinstance(node, yaml.MappingNode):
            return Lined(mapping(node), line)
        if isinstance(node, yaml.SequenceNode):
            return Lined([lined(one, one.start_mark.line + 1) for one in node.value], line)
        return Lined(str(node.value), line)

    def mapping(node: yaml.MappingNode) -> dict[str, Lined]:
        merged: dict[str, Lined] = {}
        own: dict[str, Lined] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                several = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for one in reversed(several):
                    merged |= lined(one, key.start_mark.line + 1).pairs
            else:
                own[str(key.value)] = lined(value, key.start_mark.line + 1)
        return merged | own

    try:
        root = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return lined(root, 1) if root is not None else Lined({}, 1)
    except yaml.YAMLError as error:
        raise ValueError(type(error).__name__) from None
