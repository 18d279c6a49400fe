"""Rules with one thing wrong: would the rows notice? Knows no meaning of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = re.compile(r"'(\w+)'")
_COMMENT = re.compile(r"//.*")
_ALLOW = re.compile(r"allow [a-z, ]+: if [^;]+;")
_TOKEN = re.compile(
    r"""'[^']*' | \b\d+(?:\.\d+)?\b | && | \|\| | [<>]=? | [!=]= | ! | \bis\ \w+ | \.\w+\(\)
    | \btrue\b | \bfalse\b""",
    re.VERBOSE,
)
_SWAPS = {
    "&&": "||",
    "||": "&&",
    "==": "!=",
    "!=": "==",
    "<=": "<",
    ">=": ">",
    "<": "<=",
    ">": ">=",
    "!": "",
    "true": "false",
    "false": "true",
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """The rules with one token changed, or one `allow` left out."""

    line: int
    was: str
    now: str
    rules: str

    @property
    def names(self) -> list[str]:
        """The names quoted in the changed line."""
        return _NAME.findall(self.rules.splitlines()[self.line - 1])


def mutants(rules: str) -> Iterator[Mutant]:
    """Every rule left out; every operator, bound, name, type and call changed, one at a time."""
    bare = _COMMENT.sub("", rules)
    start = bare.index("service")
    for found in _ALLOW.finditer(bare, start):
        yield _replaced(bare, found.span(), "")
    for found in _TOKEN.finditer(bare, start):
        yield _replaced(bare, found.span(), _wrong(found.group()))


def _wrong(token: str) -> str:
    if token.startswith("'"):
        return f"'{token[1:-1]}x'"
    if token.startswith("is "):
        return "is latlng" if token == "is timestamp" else "is timestamp"
    if token.startswith("."):
        return ""
    if token[0].isdigit():
        return f"({token} + 1)"
    return _SWAPS[token]


def _replaced(rules: str, span: tuple[int, int], now: str) -> Mutant:
    before, after = span
    return Mutant(
        line=rules.count("\n", 0, before) + 1,
        was=" ".join(rules[before:after].split()),
        now=now,
        rules=rules[:before] + now + rules[after:],
    )
