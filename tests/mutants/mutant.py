"""One fault of the list, and the source text with it. Pure."""

import ast
from dataclasses import dataclass


class AnchorGone(Exception):
    """The text to be replaced does not occur exactly once any more."""


class NoFault(Exception):
    """The changed text does not compile: every test would fail, which shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault that a careless change could bring in."""

    name: str
    file: str  # relative to the repository's root
    old: str  # occurs once in the file; short, so that other changes leave it alone
    new: str
    why: str  # what goes wrong with it, and the section of contract.md that forbids it
    tests: tuple[str, ...]  # files or node ids; one of them must fail

    def planted(self, text: str) -> str:
        """The file's text with the fault in it.

        Raises:
            AnchorGone: `old` is not there, or more than once.
            NoFault: the result is the same text, or no Python.
        """
        count = text.count(self.old)
        if count != 1:
            raise AnchorGone(f"{self.old!r} occurs {count} times in {self.file}; accepted: once")
        changed = text.replace(self.old, self.new)
        if changed == text:
            raise NoFault(f"{self.name} changes nothing in {self.file}")
        if self.file.endswith(".py"):
            try:
                ast.parse(changed)
            except SyntaxError as fault:
                raise NoFault(f"{self.name} leaves no Python in {self.file}: {fault}") from fault
        return changed
