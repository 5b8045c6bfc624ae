"""The tree of groups: every object once, by the links that stay inside of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nctool.readers.shared.hdf5 import objects
from nctool.readers.shared.hdf5.heaps import NAMED_LINKS, heap_items, local_heap
from nctool.readers.shared.hdf5.objects import Messages
from nctool.readers.shared.hdf5.source import Bytes, Cursor

MOST_OBJECTS = 50_000
DEEPEST = 64
LONGEST_NAME = 1024
SOFT_ENTRY = 2
HARD, SOFT, ELSEWHERE = 0, 1, 64
LEADS_OUT = "link to another file"


@dataclass(slots=True)
class Node:
    """A group with what is in it, or a dataset."""

    messages: Messages
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def group(self) -> bool:
        return objects.first(self.messages, objects.LAYOUT) is None

    def walk(self, parts: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
        """This one and everything below."""
        yield parts, self
        for name, child in self.children.items():
            yield from child.walk((*parts, name))

    def find(self, *parts: str) -> Node | None:
        found: Node | None = self
        for part in parts:
            found = found.children.get(part) if found is not None else None
        return found


def tree(source: Bytes, ignored: Counter[str]) -> Node:
    """The root with everything below; what is not followed is counted by its kind."""
    root = Node(objects.header(source, source.home.root))
    groups, count = {source.home.root}, 1
    todo = [(root, 0)]
    while todo:
        node, depth = todo.pop()
        for name, address in sorted(_links(source, node.messages, ignored)):
            count += 1
            if count > MOST_OBJECTS or depth >= DEEPEST:
                ignored["entry beyond those nctool looks at"] += 1
                if count > MOST_OBJECTS:
                    return root
            elif address in groups:
                ignored["second link to a group"] += 1
            elif name in node.children:
                raise ValueError("a group of it has two entries of one name")
            else:
                child = Node(objects.header(source, address))
                node.children[name] = child
                if child.group:
                    groups.add(address)
                    todo.append((child, depth + 1))
    return root


def _links(source: Bytes, messages: Messages, ignored: Counter[str]) -> Iterator[tuple[str, int]]:
    """Name and address of what is in a group."""
    table = objects.first(messages, objects.TABLE)
    if table is not None:
        yield from _old_links(source, table.cursor(), ignored)
    bodies = [one.cursor() for one in messages if one.kind == objects.LINK]
    info = objects.first(messages, objects.LINK_INFO)
    if info is not None:
        cursor = info.cursor()
        cursor.demand(0)
        cursor.take(8 * (cursor.number(1) & 1))
        heap, names = cursor.address(), cursor.address()
        bodies += heap_items(source, heap, names, NAMED_LINKS, MOST_OBJECTS + 1)
    for body in bodies:
        link = _link(body, ignored)
        if link is not None:
            yield link


def _link(cursor: Cursor, ignored: Counter[str]) -> tuple[str, int] | None:
    cursor.demand(1)
    flags = cursor.number(1)
    kind = cursor.number(1) if flags & 8 else HARD
    cursor.take(8 * bool(flags & 4) + bool(flags & 16))
    name = cursor.take(cursor.number(1 << (flags & 3)))
    address = cursor.address() if kind == HARD else None
    if address is None:
        ignored[{SOFT: "soft link", ELSEWHERE: LEADS_OUT}.get(kind, "link of unknown kind")] += 1
        return None
    return name.decode("utf-8", "backslashreplace"), address


def _old_links(source: Bytes, cursor: Cursor, ignored: Counter[str]) -> Iterator[tuple[str, int]]:
    """The entries of a group of the first kind: a tree of tables, and a heap with the names."""
    wide, long = source.home.widths
    top, heap = cursor.address(), cursor.address()
    names = local_heap(source, heap)
    todo, seen = [top], {top}
    while todo:
        address = todo.pop()
        start = source.cursor(address, 8 + 2 * wide)
        if start.take(4) == b"TREE":
            start.demand(0)
            start.take(1)
            entries = start.number(2)
            body = source.cursor(start.at + 8 + 2 * wide, entries * (long + wide))
            for _ in range(entries):
                body.length()
                child = body.address()
                if child in seen:
                    raise ValueError("a group of it leads back to itself")
                seen.add(child)
                todo.append(child)
            continue
        start = source.cursor(address, 8, b"SNOD")
        start.demand(1)
        start.take(1)
        count = start.number(2)
        body = source.cursor(start.at + 8, count * (2 * wide + 24))
        for _ in range(count):
            place, target, kind = body.number(wide), body.address(), body.number(4)
            body.take(20)
            if kind == SOFT_ENTRY:
                ignored["soft link"] += 1
            elif target is None or place >= len(names):
                raise ValueError("a group of it has an entry without a name or an address")
            else:
                end = names.find(b"\0", place, place + LONGEST_NAME)
                if end < 0:
                    raise ValueError("a name in it does not end")
                yield names[place:end].decode("utf-8", "backslashreplace"), target
