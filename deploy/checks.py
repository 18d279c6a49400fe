"""Expectations on the JSON of a check: missing, different, matching, or foreign. Pure.

The JSON is that of gcloud's `list`, `describe` and `get-iam-policy`, and of Firebase's rules
service. Lists are preferred to single resources: a missing one is then an empty list, not a failure
that only its message distinguishes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from deploy.command import fill

Variables = Mapping[str, str]
_NUMBER = re.compile(r"-?\d+(\.\d+)?s?")


class ResourceState(Enum):
    """The state of a resource."""

    MISSING = "missing"
    DIFFERS = "differs"
    MATCHES = "stands"
    FOREIGN = "is the app's own"  # not made by this program


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The state, the differences, and the variables taken from the JSON."""

    state: ResourceState
    differences: tuple[str, ...] = ()
    found: Variables = field(default_factory=dict)


class Expectation(Protocol):
    """An expectation on the JSON of a check."""

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; `variables` are filled into the expected values."""


@dataclass(frozen=True)
class EntryWhere:
    """A step of a path: in a list of maps, the one whose `key` has this value."""

    key: str
    value: str


Path = tuple[str | int | EntryWhere, ...]


@dataclass(frozen=True)
class Field:
    """The expected value at a path; numbers and seconds are equal in any notation."""

    path: Path
    value: str

    def difference(self, output: Any, variables: Variables) -> str | None:
        """Return a phrase where it differs, else None."""
        found, wanted = value_at(output, self.path), fill(self.value, variables)
        if found is not None and is_equal(found, wanted):
            return None
        names = (part.value if isinstance(part, EntryWhere) else part for part in self.path)
        name = ".".join(part for part in names if isinstance(part, str))
        return f"{name} is {found!r}, wanted {wanted!r}"


@dataclass(frozen=True)
class FieldNot:
    """A value that must not stand at a path, in any case; a missing one is right."""

    path: Path
    value: str

    def difference(self, output: Any, variables: Variables) -> str | None:
        """Return a phrase where it stands there, else None."""
        found = value_at(output, self.path)
        if str(found).lower() != self.value.lower():
            return None
        return f"{self.path[-1]} is {found!r}, wanted anything else"


FieldCheck = Field | FieldNot


@dataclass(frozen=True, kw_only=True)
class ListEntry:
    """The JSON is a list with an entry for the resource.

    Attributes:
        name: the entry's name: the value at `key`, or its end after a slash.
        key: the path of an entry's name or names.
        fields: the expected fields of the entry.
        defines: variables taken from the entry.
        list_key: the key of the list, where the JSON is a map.
    """

    name: str
    key: Path = ("name",)
    fields: tuple[FieldCheck, ...] = ()
    defines: Mapping[str, Path] = field(default_factory=dict)
    list_key: str | None = None

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; MISSING where no entry has the name."""
        entries = output if self.list_key is None else output.get(self.list_key, [])
        name = fill(self.name, variables)
        for entry in entries:
            known = value_at(entry, self.key)
            names = known if isinstance(known, list) else [known]
            if any(f"/{text}".endswith(f"/{name}") for text in names):
                return _compare(entry, self.fields, variables, self.defines)
        return CheckResult(state=ResourceState.MISSING)


@dataclass(frozen=True, kw_only=True)
class SingleResource:
    """The JSON is the resource itself, which exists whenever it can be described."""

    fields: tuple[Field, ...]

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result: matching or different."""
        return _compare(output, self.fields, variables, {})


@dataclass(frozen=True, kw_only=True)
class RoleBinding:
    """The policy binds this member to this role, under the condition of this title (or none)."""

    role: str
    member: str
    condition: str | None = None

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result: matching or missing."""
        member = fill(self.member, variables)
        for binding in output.get("bindings", []):
            if (
                binding["role"] == self.role
                and member in binding.get("members", [])
                and value_at(binding, ("condition", "title")) == self.condition
            ):
                return CheckResult(state=ResourceState.MATCHES)
        return CheckResult(state=ResourceState.MISSING)


@dataclass(frozen=True, kw_only=True)
class Demanded:
    """What another expectation wants, and this program does not change by itself."""

    expect: Expectation

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where it differs."""
        result = self.expect.evaluate(output, variables)
        if result.state is not ResourceState.DIFFERS:
            return result
        return CheckResult(state=ResourceState.FOREIGN, differences=result.differences)


@dataclass(frozen=True, kw_only=True)
class Required:
    """What must be there, and this program does not make."""

    expect: Expectation

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where it is missing."""
        result = self.expect.evaluate(output, variables)
        missing = result.state is ResourceState.MISSING
        return CheckResult(state=ResourceState.FOREIGN) if missing else result


def value_at(output: Any, path: Path) -> Any:
    """Return the value at a path; None where the path ends early."""
    for part in path:
        if isinstance(part, str) and isinstance(output, Mapping):
            output = output.get(part)
        elif isinstance(part, int) and isinstance(output, list) and part < len(output):
            output = output[part]
        elif isinstance(part, EntryWhere) and isinstance(output, list):
            output = next((entry for entry in output if entry.get(part.key) == part.value), None)
        else:
            return None
    return output


def is_equal(found: Any, wanted: str) -> bool:
    """Return whether a value is the expected one: 5.0 and "5", "300s" and "300.0s" are equal."""
    if isinstance(found, list):
        return any(is_equal(entry, wanted) for entry in found)
    text = str(found)
    if _NUMBER.fullmatch(text) and _NUMBER.fullmatch(wanted):
        return float(text.rstrip("s")) == float(wanted.rstrip("s"))
    return text == wanted


def _compare(
    output: Any, fields: tuple[FieldCheck, ...], variables: Variables, defines: Mapping[str, Path]
) -> CheckResult:
    phrases = (field_.difference(output, variables) for field_ in fields)
    differences = tuple(phrase for phrase in phrases if phrase is not None)
    return CheckResult(
        state=ResourceState.DIFFERS if differences else ResourceState.MATCHES,
        differences=differences,
        found={name: str(value_at(output, path)) for name, path in defines.items()},
    )
