"""Replays a Dockerfile's stages into folders, with this machine's Python and no container engine.

Every stage gets a folder that stands for its file system's root. What an instruction would change
in the base image's own files (its pip, for one) cannot be replayed and is told; what this replayer
does not know is refused: the lines run here, not in a container.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.image.dockerfile import Dockerfile, Instruction, NotUnderstood, Stage, argument, expanded

BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_IN_THE_BASE_IMAGE = ("python -m pip uninstall", "rm -r /usr/local/lib/python")
_REPLAYED = ("python", "/venv/bin/python", "find", "chmod", "rm", "mkdir")
_ABSOLUTE = re.compile(r"(?<![\w./}$*-])/(?=\w)")

Say = Callable[[str], None]


class ReplayFailed(Exception):
    """A line of the Dockerfile did not succeed here."""


@dataclass(kw_only=True)
class Root:
    """A stage's file system and what a process started in it would be given."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    arguments: dict[str, str] = field(default_factory=dict)  # known to stages that begin with it
    workdir: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))
    user: str = ""
    stamp: str = ""

    def place(self, path: str | PurePosixPath) -> Path:
        """Where a path of the image lies here; a relative one is the working directory's."""
        absolute = self.workdir / path
        return self.folder / absolute.relative_to("/")


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a build is made of.

    python: the interpreter that stands for the base image's.
    context: the files that the build may see, by their names in it.
    arguments: build arguments.
    where: a folder for the roots.
    """

    dockerfile: Dockerfile
    python: Path
    context: Mapping[str, Path]
    arguments: Mapping[str, str]
    where: Path
    say: Say

    def build(self) -> Root:
        """Replay every stage that the last one needs, and give the last one's root.

        Raises:
            NotUnderstood: a line is none that can be replayed.
            ReplayFailed: a command ended with another status than 0.
        """
        roots: dict[str, Root] = {}
        for stage in self.dockerfile.needed():
            roots[stage.name] = self._replay(stage, roots)
        return roots[self.dockerfile.final.name]

    def _replay(self, stage: Stage, roots: Mapping[str, Root]) -> Root:
        stamp, wanted = self.where / f"{stage.name}.stamp", self._stamp(stage, roots)
        is_kept = bool(stage.name) and stamp.is_file() and stamp.read_text() == wanted
        kept = "as it was replayed before" if is_kept else f"from {stage.base}"
        self.say(f"stage {stage.name or '(the image)'} {kept}")
        root = self._beginning(stage, roots, is_kept=is_kept)
        root.stamp = wanted
        stamp.unlink(missing_ok=True)
        variables = root.arguments | root.environment
        for instruction in stage.instructions:
            if not is_kept or instruction.keyword not in ("COPY", "RUN"):
                self._step(instruction, root, roots, variables)
        if stage.name:
            stamp.write_text(wanted)
        return root

    def _stamp(self, stage: Stage, roots: Mapping[str, Root]) -> str:
        """A digest over everything that this stage is made of."""
        sha = hashlib.sha256(f"{self.python} {sorted(self.arguments.items())}".encode())
        sha.update(repr(stage).encode())
        for name in (stage.base, *stage.copied_from()):
            sha.update(roots[name].stamp.encode() if name in roots else b"an image")
        for copy in stage.of("COPY"):
            for source in copy.text.split()[:-1]:
                for file in sorted(_members(self.context, source)):
                    sha.update(file.encode() + self.context[file].read_bytes())
        return sha.hexdigest()

    def _beginning(self, stage: Stage, roots: Mapping[str, Root], *, is_kept: bool) -> Root:
        origin = roots.get(stage.base)
        if origin is None and not stage.base.startswith("python:"):
            raise NotUnderstood(1, f"the base image {stage.base} cannot be stood for here")
        folder = self.where / (stage.name or "image")
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if origin is not None:
                _copy_tree(origin.folder, folder)
        if origin is None:
            return Root(folder=folder)
        return Root(
            folder=folder,
            environment=dict(origin.environment),
            arguments=dict(origin.arguments),
            workdir=origin.workdir,
        )

    def _step(
        self,
        instruction: Instruction,
        root: Root,
        roots: Mapping[str, Root],
        variables: dict[str, str],
    ) -> None:
        match instruction.keyword:
            case "ARG":
                name, default = argument(instruction)
                given = self.arguments.get(name, expanded(default, variables))
                root.arguments[name] = variables[name] = given
            case "ENV":
                for word in instruction.words(variables):
                    name, _, value = word.partition("=")
                    root.environment[name] = variables[name] = value
            case "WORKDIR":
                root.workdir /= expanded(instruction.text, variables)
                root.place(".").mkdir(parents=True, exist_ok=True)
            case "USER":
                root.user = expanded(instruction.text, variables)
            case "COPY":
                self._copy(instruction, root, roots, variables)
            case "RUN":
                self._run(instruction, root, variables)
            case _:
                pass  # LABEL, ENTRYPOINT and CMD change no file

    def _copy(
        self,
        instruction: Instruction,
        root: Root,
        roots: Mapping[str, Root],
        variables: Mapping[str, str],
    ) -> None:
        words = instruction.words(variables)
        if words[0].startswith("--from="):
            origin = roots[words[0].removeprefix("--from=")]
            _copy_tree(origin.place(words[1]), root.place(words[2]))
            return
        *sources, target = words
        for source in sources:
            wanted = _members(self.context, source)
            if not wanted:
                complaint = f"COPY {source}: the build's context holds no such file"
                raise NotUnderstood(instruction.line, complaint)
            for file, below in wanted.items():
                into_folder = target.endswith("/") or below
                place = root.place(target) / (below or Path(file).name) if into_folder else None
                _copy_file(self.context[file], place or root.place(target))

    def _run(self, instruction: Instruction, root: Root, variables: Mapping[str, str]) -> None:
        written = instruction.text
        if written.startswith(_IN_THE_BASE_IMAGE):
            self.say(f"  not replayed, for it changes the base image: {written}")
            return
        if written.split()[0] not in _REPLAYED or set(written) & set(";&|<>`"):
            accepted = f"one command of {', '.join(_REPLAYED)}"
            raise NotUnderstood(instruction.line, f"RUN {written}; replayed are: {accepted}")
        command = _ABSOLUTE.sub(f"{shlex.quote(str(root.folder))}/", expanded(written, variables))
        if command.startswith("python "):
            command = shlex.quote(str(self.python)) + command.removeprefix("python")
        self.say(f"  {written}")
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=root.place("."),
            env={**_outside(), **root.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise ReplayFailed(f"line {instruction.line}, status {done.returncode}:\n{tail}")


def _outside() -> dict[str, str]:
    """What of this process's environment a build has in its own way: how pip reaches its index."""
    kept = ("PIP_", "HF_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")
    found = {name: value for name, value in os.environ.items() if name.upper().startswith(kept)}
    return {**found, "HOME": os.environ.get("HOME", "/"), "PYTHONNOUSERSITE": "1"}


def _members(files: Iterable[str], source: str) -> dict[str, str]:
    """The files that COPY takes for a source, each with its path below it; empty: itself."""
    name = source.strip("/")
    found = {}
    for file in files:
        if file == name:
            found[file] = ""
        elif file.startswith(f"{name}/"):
            found[file] = file.removeprefix(f"{name}/")
    return found


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _copy_tree(source: Path, target: Path) -> None:
    """Hard links: packages are gigabytes, and no line replayed here changes a file in place."""
    shutil.copytree(source, target, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
