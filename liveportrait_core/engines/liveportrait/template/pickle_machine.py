"""Run a pickle that holds plain values, and nothing that a program needs.

The standard library's reader does what a file says: a dozen bytes can let it reserve all memory
(an index of its memo), count to 2^40 (the hash of a tuple in tuples as a key), or call a name.
This one knows the operations by which dicts of arrays are written, calls only what it is given,
takes text alone as keys, and counts. A file is still up to sixty times its size in memory, so its
operations are bounded.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, Final

MOST_OPERATIONS = 4_000_000
"""Ten minutes at 30 frames a second take 3.6 million."""

_AS_WRITTEN: Final = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
})  # fmt: skip
_NEW: Final[Mapping[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_TO_MEMO: Final = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_FROM_MEMO: Final = frozenset({"GET", "BINGET", "LONG_BINGET"})
_NOTHING: Final = frozenset({"PROTO", "FRAME"})
Names = Mapping[tuple[str, str], Any]


class UnknownName(Exception):
    """The pickle asks for a name that is not given."""


def run(data: bytes, names: Names) -> Any:
    """Return the value that a pickle holds.

    Args:
        data: the pickle.
        names: what stands for the names it may ask for. Classes are called; their instances take
            their state by `__setstate__`.

    Raises:
        UnknownName: it asks for another.
        Exception: anything, where the pickle is malformed.
    """
    machine = _Machine(names)
    for number, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if number >= MOST_OPERATIONS:
            raise ValueError(f"it has more than {MOST_OPERATIONS} operations")
        if operation.name == "STOP":
            return machine.stack.pop()
        machine.step(operation.name, argument)
    raise ValueError("it has no end")


class _Machine:
    """The stack, the marks in it, and the values that are used again."""

    def __init__(self, names: Names) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._names = names
        self._others: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self._marks.append(len(self.stack)),
            "TUPLE": lambda _: self._push_tuple(self._popped(self._marks.pop())),
            "APPEND": lambda _: self._extend(self._popped(len(self.stack) - 1)),
            "APPENDS": lambda _: self._extend(self._popped(self._marks.pop())),
            "SETITEM": lambda _: self._set(self._popped(len(self.stack) - 2)),
            "SETITEMS": lambda _: self._set(self._popped(self._marks.pop())),
            "MEMOIZE": lambda _: self._memo.update({len(self._memo): self.stack[-1]}),
            "GLOBAL": lambda argument: self._name(*argument.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self._name(*self._popped(len(self.stack) - 2)),
            "REDUCE": lambda _: self._call(*self._popped(len(self.stack) - 2)),
            "BUILD": lambda _: self._build(*self._popped(len(self.stack) - 1)),
        }

    def step(self, name: str, argument: Any) -> None:
        """Do one operation."""
        if name in _AS_WRITTEN:
            self.stack.append(argument)
        elif name in self._others:
            self._others[name](argument)
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name in _TUPLES:
            self._push_tuple(self._popped(len(self.stack) - _TUPLES[name]))
        elif name in _TO_MEMO:
            self._memo[int(argument)] = self.stack[-1]
        elif name in _FROM_MEMO:
            self.stack.append(self._memo[int(argument)])
        elif name not in _NOTHING:
            raise ValueError(f"it does {name}, which no template needs")

    def _popped(self, since: int) -> list[Any]:
        if since < 0:
            raise ValueError("its stack is empty")
        values = self.stack[since:]
        del self.stack[since:]
        return values

    def _push_tuple(self, values: list[Any]) -> None:
        self.stack.append(tuple(values))

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("it appends to what is no list")
        target.extend(values)

    def _set(self, values: list[Any]) -> None:
        target, keys = self.stack[-1], values[::2]
        if not isinstance(target, dict) or not all(isinstance(key, str) for key in keys):
            raise ValueError("it has a key that is no text")
        target.update(zip(keys, values[1::2], strict=True))

    def _name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("it asks for a name that is no text")
        if (module, name) not in self._names:
            raise UnknownName(f"{module}.{name}"[:200])
        self.stack.append(self._names[module, name])

    def _build(self, state: Any) -> None:
        target = self.stack[-1]
        if type(target) not in self._names.values():
            raise ValueError("it gives a state to what has none")
        target.__setstate__(state)

    def _call(self, what: Any, arguments: Any) -> None:
        if not isinstance(what, type) or what not in self._names.values():
            raise ValueError("it calls what is no class")
        self.stack.append(what(*arguments))
