"""What a check's answer says: missing, different, right, or somebody else's. Pure.

The answers are the JSON of gcloud's `list`, `describe` and `get-iam-policy`, and of Firebase's
rules service. Lists are asked for rather than single things, so that "not there" is an empty list
and never has to be told from a failure by the words of a message.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from deploy.command import fill

Variables = Mapping[str, str]
_NUMBER = re.compile(r"-?\d+(\.\d+)?s?")


class Standing(Enum):
    """How a thing is."""

    MISSING = "missing"
    DIFFERS = "differs"
    RIGHT = "stands"
    FOREIGN = "is the app's own"  # there, and not made by this program


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A standing, what differs, and the variables that the answer defines."""

    standing: Standing
    differences: tuple[str, ...] = ()
    found: Variables = field(default_factory=dict)


class Look(Protocol):
    """Reads one answer."""

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """What the answer says, the expectations' variables filled in."""


@dataclass(frozen=True)
class Where:
    """In a list of maps: the one whose `key` has this value."""

    key: str
    value: str


Path = tuple[str | int | Where, ...]


@dataclass(frozen=True)
class Want:
    """What must stand at a path; numbers and seconds are equal however they are written."""

    path: Path
    value: str

    def difference(self, answer: Any, variables: Variables) -> str | None:
        """One phrase where it differs, else None."""
        found, wanted = at(answer, self.path), fill(self.value, variables)
        if found is not None and same(found, wanted):
            return None
        names = (part.value if isinstance(part, Where) else part for part in self.path)
        name = ".".join(part for part in names if isinstance(part, str))
        return f"{name} is {found!r}, wanted {wanted!r}"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The answer is a list, and one of its entries is the thing.

    Attributes:
        name: which entry: the value at `key`, or the end of it after a slash.
        key: where an entry has its name, or its names.
        wants: what the entry must have.
        defines: variables taken from the entry.
        under: the key that holds the list, where the answer is a map.
    """

    name: str
    key: Path = ("name",)
    wants: tuple[Want, ...] = ()
    defines: Mapping[str, Path] = field(default_factory=dict)
    under: str | None = None

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Missing where no entry has the name."""
        entries = answer if self.under is None else answer.get(self.under, [])
        name = fill(self.name, variables)
        for entry in entries:
            known = at(entry, self.key)
            names = known if isinstance(known, list) else [known]
            if any(f"/{text}".endswith(f"/{name}") for text in names):
                return _verdict(entry, self.wants, variables, self.defines)
        return Verdict(standing=Standing.MISSING)


@dataclass(frozen=True, kw_only=True)
class Described:
    """The answer is the thing itself, which is there whenever it can be asked for."""

    wants: tuple[Want, ...]

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Right, or what differs."""
        return _verdict(answer, self.wants, variables, {})


@dataclass(frozen=True, kw_only=True)
class Enabled:
    """All of these services are among the enabled ones."""

    services: tuple[str, ...]

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Missing while one of them is."""
        enabled = {at(entry, ("config", "name")) for entry in answer}
        absent = tuple(name for name in self.services if name not in enabled)
        return Verdict(
            standing=Standing.MISSING if absent else Standing.RIGHT,
            differences=tuple(f"{name} is not enabled" for name in absent),
        )


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The policy binds this member to this role, under the condition of this title (or none)."""

    role: str
    member: str
    condition: str | None = None

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Missing while it does not."""
        member = fill(self.member, variables)
        for binding in answer.get("bindings", []):
            if (
                binding["role"] == self.role
                and member in binding.get("members", [])
                and at(binding, ("condition", "title")) == self.condition
            ):
                return Verdict(standing=Standing.RIGHT)
        return Verdict(standing=Standing.MISSING)


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The policy lets in nobody whom Google does not know by name."""

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Foreign where everybody is let in."""
        members = {name for binding in answer.get("bindings", []) for name in binding["members"]}
        open_to_all = members & {"allUsers", "allAuthenticatedUsers"}
        return Verdict(standing=Standing.FOREIGN if open_to_all else Standing.RIGHT)


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """The ruleset in force is ours: its file bears our name and our text."""

    file: str
    content: str

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Foreign where a file of another name is in force."""
        files = at(answer, ("source", "files")) or []
        if [entry.get("name") for entry in files] != [self.file]:
            return Verdict(standing=Standing.FOREIGN)
        if files[0].get("content") != self.content:
            return Verdict(
                standing=Standing.DIFFERS, differences=("its text is another version's",)
            )
        return Verdict(standing=Standing.RIGHT)


@dataclass(frozen=True, kw_only=True)
class OwnCors:
    """A bucket's CORS: none, ours, or the app's."""

    cors: Sequence[Any]

    def judge(self, answer: Any, variables: Variables) -> Verdict:
        """Foreign where other entries than ours stand."""
        standing = answer.get("cors_config") or []
        if not standing:
            return Verdict(standing=Standing.MISSING)
        ours = standing == list(self.cors)
        return Verdict(standing=Standing.RIGHT if ours else Standing.FOREIGN)


def at(answer: Any, path: Path) -> Any:
    """The value at a path; None where the path ends early."""
    for part in path:
        if isinstance(part, str) and isinstance(answer, Mapping):
            answer = answer.get(part)
        elif isinstance(part, int) and isinstance(answer, list) and part < len(answer):
            answer = answer[part]
        elif isinstance(part, Where) and isinstance(answer, list):
            answer = next((entry for entry in answer if entry.get(part.key) == part.value), None)
        else:
            return None
    return answer


def same(found: Any, wanted: str) -> bool:
    """Whether an answer's value is the wanted one: 5.0 and "5", "300s" and "300.0s"."""
    if isinstance(found, list):
        return any(same(entry, wanted) for entry in found)
    text = str(found)
    if _NUMBER.fullmatch(text) and _NUMBER.fullmatch(wanted):
        return float(text.rstrip("s")) == float(wanted.rstrip("s"))
    return text == wanted


def _verdict(
    answer: Any, wants: tuple[Want, ...], variables: Variables, defines: Mapping[str, Path]
) -> Verdict:
    phrases = (want.difference(answer, variables) for want in wants)
    differences = tuple(phrase for phrase in phrases if phrase is not None)
    return Verdict(
        standing=Standing.DIFFERS if differences else Standing.RIGHT,
        differences=differences,
        found={name: str(at(answer, path)) for name, path in defines.items()},
    )
