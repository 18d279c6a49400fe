"""Reads a Dockerfile as far as ours goes, and refuses what it does not understand.

An instruction stands on one line or is continued by a backslash; no heredocs, no flags but
COPY --from, no escape directive. Knows the file's meaning, runs nothing.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_FROM = "--from="
_KEYWORDS = (
    "FROM", "ARG", "ENV", "LABEL", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD",
)  # fmt: skip


class NotUnderstood(Exception):
    """A line of a Dockerfile that this reader does not know the meaning of."""

    def __init__(self, line: int, complaint: str) -> None:
        super().__init__(f"Dockerfile, line {line}: {complaint}")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction, its variables not yet put in."""

    line: int  # where it begins, from 1
    keyword: str
    text: str

    def words(self, variables: Mapping[str, str]) -> tuple[str, ...]:
        """The words after the keyword, quotes removed and variables put in."""
        return tuple(shlex.split(expanded(self.text, variables)))

    def command(self) -> tuple[str, ...]:
        """The words of an ENTRYPOINT or CMD in exec form.

        Raises:
            NotUnderstood: it is in shell form, where signals end at a shell.
        """
        try:
            words = json.loads(self.text)
        except ValueError:
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise NotUnderstood(self.line, f"{self.keyword} {self.text}; accepted: exec form")
        return tuple(words)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """From one FROM to the next."""

    name: str  # empty: the last one needs none
    base: str  # another stage's name, or an image
    instructions: tuple[Instruction, ...]

    def of(self, keyword: str) -> tuple[Instruction, ...]:
        """All instructions of one kind."""
        return tuple(each for each in self.instructions if each.keyword == keyword)

    def copied_from(self) -> tuple[str, ...]:
        """The other stages, or images, that its COPY lines take files from."""
        flags = [copy.text.split()[0] for copy in self.of("COPY")]
        return tuple(flag[len(_FROM) :] for flag in flags if flag.startswith(_FROM))


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """The stages in their order, for one set of build arguments."""

    arguments: Mapping[str, str]  # those before the first FROM, as FROM sees them
    stages: tuple[Stage, ...]
    target: str = ""  # the stage that is asked for; "": the last one

    @property
    def final(self) -> Stage:
        """What becomes the image."""
        return self.stage(self.target) or self.stages[-1]

    def stage(self, name: str) -> Stage | None:
        """The stage of this name; None: it is an image."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def needed(self) -> tuple[Stage, ...]:
        """The stages that the final one is made of, each after those it is made of itself."""
        found: list[Stage] = []

        def collect(stage: Stage) -> None:
            for name in (stage.base, *stage.copied_from()):
                origin = self.stage(name)
                if origin is not None:
                    collect(origin)
            if stage not in found:
                found.append(stage)

        collect(self.final)
        return tuple(found)


def read_dockerfile(
    text: str, given: Mapping[str, str] | None = None, target: str = ""
) -> Dockerfile:
    """Read a Dockerfile's text.

    Args:
        text: the file.
        given: build arguments that replace defaults before the first FROM.
        target: as `docker build --target` takes it.

    Raises:
        NotUnderstood: a line means nothing to this reader.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            stages.append(_stage(instruction, arguments))
        elif stages:
            own = (*stages[-1].instructions, instruction)
            stages[-1] = replace(stages[-1], instructions=own)
        elif instruction.keyword == "ARG":
            name, default = argument(instruction)
            arguments[name] = (given or {}).get(name, default)
        else:
            raise NotUnderstood(instruction.line, f"{instruction.keyword} before the first FROM")
    if not stages:
        raise NotUnderstood(1, "there is no FROM")
    if target and target not in {stage.name for stage in stages}:
        raise NotUnderstood(1, f"there is no stage {target!r}")
    return Dockerfile(arguments=arguments, stages=tuple(stages), target=target)


def argument(instruction: Instruction) -> tuple[str, str]:
    """The name and the default of an ARG; without a default an empty one."""
    name, _, default = instruction.text.partition("=")
    return name.strip(), default.strip()


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """A text with `${NAME}` and `$NAME` replaced; what is not known is empty, as in a build."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], ""), text)


def _stage(instruction: Instruction, arguments: Mapping[str, str]) -> Stage:
    words = instruction.words(arguments)
    match words:
        case (base,):
            return Stage(name="", base=base, instructions=())
        case (base, as_, name) if as_.upper() == "AS":
            return Stage(name=name, base=base, instructions=())
        case _:
            raise NotUnderstood(instruction.line, f"FROM {instruction.text}")


def _instructions(text: str) -> Iterator[Instruction]:
    for line, joined in _joined_lines(text):
        keyword, _, rest = joined.partition(" ")
        rest = rest.strip()
        if keyword not in _KEYWORDS:
            raise NotUnderstood(line, f"{keyword}; accepted: {', '.join(_KEYWORDS)}")
        _refuse_flags(line, keyword, rest)
        yield Instruction(line=line, keyword=keyword, text=rest)


def _refuse_flags(line: int, keyword: str, rest: str) -> None:
    flags = [word for word in rest.split() if word.startswith("--")] if keyword == "COPY" else []
    if keyword in ("RUN", "FROM") and rest.startswith("--"):
        flags = rest.split()[:1]
    if any(not (keyword == "COPY" and flag.startswith(_FROM)) for flag in flags):
        raise NotUnderstood(line, f"{keyword} {' '.join(flags)}; accepted: COPY --from=STAGE")
    if "<<" in rest:
        raise NotUnderstood(line, f"{keyword} with a heredoc; accepted: one command")


def _joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers: continued ones joined, comments and empty ones left out."""
    kept, begins = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        begins = begins if kept else number
        if line.endswith("\\"):
            kept += line.removesuffix("\\").rstrip() + " "
            continue
        yield begins, kept + line
        kept = ""
    if kept:
        raise NotUnderstood(begins, "continued beyond the end of the file")
