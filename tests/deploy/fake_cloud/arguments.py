"""The words of a gcloud or curl command, as positional words and flags."""

from collections.abc import Sequence


class Arguments:
    """Positional words in order, flags by name; a flag without a value is an empty one."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = tuple(argv)
        self.positional = tuple(word for word in argv if not word.startswith("--"))
        self._flags: dict[str, list[str]] = {}
        for word in argv:
            if word.startswith("--"):
                name, _, value = word[2:].partition("=")
                self._flags.setdefault(name, []).append(value)

    def __str__(self) -> str:
        return " ".join(self.argv)

    def starts(self, prefix: str) -> bool:
        """Return whether the places begin with these words."""
        wanted = tuple(prefix.split())
        return self.positional[: len(wanted)] == wanted

    def flag(self, name: str, default: str | None = None) -> str:
        """A flag's only value."""
        values = self._flags.get(name)
        if values is None:
            if default is None:
                raise AssertionError(f"--{name} is missing in: {self}")
            return default
        assert len(values) == 1, f"--{name} twice in: {self}"
        return values[0]

    def flags(self, name: str) -> list[str]:
        """All values of a flag."""
        return self._flags.get(name, [])

    def has(self, name: str) -> bool:
        """Return whether the flag is there."""
        return name in self._flags
