"""What a build's context holds: the patterns of .dockerignore and of .gcloudignore, applied.

Both are allow-lists here: everything is excluded first. The rules differ, so each file has its own
matcher, which knows as much of them as our files use and refuses the rest.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

Matches = Callable[[PurePosixPath], bool]


class PatternNotUnderstood(Exception):
    """A pattern of an ignore file that this reader does not know the meaning of."""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    is_exception: bool
    matches: Matches


def docker_context(files: Iterable[str], ignore: str) -> frozenset[str]:
    """Those of a folder's files that a .dockerignore lets through.

    A pattern is anchored at the root and holds for everything below what it matches; `**` stands
    for any number of folders; the last pattern that matches decides.
    """
    rules = [_docker_rule(line) for line in _patterns(ignore)]

    def is_kept(file: str) -> bool:
        path, kept = PurePosixPath(file), True
        for rule in rules:
            if any(rule.matches(part) for part in (path, *path.parents)):
                kept = rule.is_exception
        return kept

    return frozenset(filter(is_kept, files))


def gcloud_context(files: Iterable[str], ignore: str) -> frozenset[str]:
    """Those of a folder's files that a .gcloudignore lets through, by gitignore's rules.

    What lies in an excluded folder cannot be let through again; a pattern with a slash before its
    end is anchored, another one matches at every depth; one with a slash at its end, only folders.
    """
    rules = [_git_rule(line) for line in _patterns(ignore)]

    def is_kept(file: str) -> bool:
        path = PurePosixPath(file)
        folders = [folder for folder in reversed(path.parents) if folder.parts]
        return all(_lets_through(rules, each, is_folder=each != path) for each in (*folders, path))

    return frozenset(filter(is_kept, files))


def _lets_through(
    rules: Iterable[tuple[_Rule, bool]], path: PurePosixPath, *, is_folder: bool
) -> bool:
    kept = True
    for rule, only_folders in rules:
        if rule.matches(path) and (is_folder or not only_folders):
            kept = rule.is_exception
    return kept


def _patterns(ignore: str) -> list[str]:
    lines = (line.strip() for line in ignore.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _docker_rule(line: str) -> _Rule:
    pattern = line.removeprefix("!").strip("/")
    return _Rule(is_exception=line.startswith("!"), matches=_matcher(pattern))


def _git_rule(line: str) -> tuple[_Rule, bool]:
    pattern = line.removeprefix("!")
    if pattern.startswith("#!"):
        raise PatternNotUnderstood(f"{line!r}: other files are not included here")
    only_folders = pattern.endswith("/")
    bare = pattern.strip("/")
    is_anchored = pattern.startswith("/") or "/" in bare
    matches = _matcher(bare if is_anchored else f"**/{bare}")
    return _Rule(is_exception=line.startswith("!"), matches=matches), only_folders


def _matcher(pattern: str) -> Matches:
    if set(pattern) & set("?[]\\"):
        raise PatternNotUnderstood(f"{pattern!r}: of wildcards only * and ** are known here")
    parts = ["(?:[^/]+/)*" if part == "**" else _part(part) + "/" for part in pattern.split("/")]
    whole = re.compile("".join(parts).removesuffix("/"))
    return lambda path: whole.fullmatch(path.as_posix()) is not None


def _part(part: str) -> str:
    return "[^/]*".join(re.escape(piece) for piece in part.split("*"))
