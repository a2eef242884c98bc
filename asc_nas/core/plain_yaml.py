"""YAML of settings: text, numbers, lists and mappings, of bounded size and depth.

YAML has more: dates, sets, binary data, and aliases, with which a hundred lines stand for more
than any memory holds. Settings need none of it; a file may come from a stranger.
"""

from typing import Any

import yaml
from yaml.constructor import ConstructorError

LARGEST = 1 << 20
"""Characters of a text."""
_DEEPEST, _MOST_NODES, _LONGEST_NUMBER = 20, 50_000, 100
_WRONG = (ValueError, ArithmeticError, LookupError, AttributeError, TypeError)
"""What PyYAML raises for a value that its tag does not fit."""


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says.

    Dates are text. A number has at most 100 characters, a key stands once in its mapping.

    Raises
    ------
    yaml.YAMLError
        If it is not YAML, or holds too much, something else, or a key twice.
    """
    if len(text) > LARGEST:
        raise yaml.YAMLError(f"more than {LARGEST:,} characters")
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Counts nodes before anything is made of them; an alias counts as what it stands for."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event, before = self.peek_event(), self._nodes
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias and event.anchor in self.anchors and event.anchor not in self._sizes:
            raise _error("an alias stands within what it stands for", event)
        self._depth += 1
        self._nodes += self._sizes.get(event.anchor, 1) if is_alias else 1
        if self._depth > _DEEPEST:
            raise _error(f"nested more than {_DEEPEST} levels deep", event)
        if self._nodes > _MOST_NODES:
            raise _error(f"more than {_MOST_NODES:,} values", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if not is_alias and event.anchor is not None:
            self._sizes[event.anchor] = self._nodes - before
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if (key.tag, key.value) in seen:
                    raise _error(f"the key {key.value[:40]!r} stands twice in one mapping", key)
                seen.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
            raise _error(f"a number of {len(node.value):,} characters", node)
        try:
            return super().construct_object(node, deep)
        except _WRONG as error:
            what = f"{str(node.value)[:40]!r} does not fit {node.tag[-20:]!r}"
            raise _error(what, node) from error


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MERGE, _DATE = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:timestamp"
_OTHERS = ("null", "bool", "str", "seq", "map")
_KNOWN = (None, *_NUMBERS, *(f"tag:yaml.org,2002:{name}" for name in _OTHERS))
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if tag in _KNOWN
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _DATE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _error(problem: str, place: Any) -> ConstructorError:
    return ConstructorError(None, None, problem, place.start_mark)
