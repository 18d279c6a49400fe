"""Runs gcloud and curl on the operator's account; the only module that starts a process."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from deploy.command import Command, fill, shell
from deploy.errors import CommandFailed

_TOKEN = ("gcloud", "auth", "print-access-token")


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """Exit code and output of a process."""

    code: int
    out: str
    err: str


class CommandRunner:
    """Runs commands in the repository's root.

    gcloud does not prompt: it uses its default, and fails where it has none.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._environment = {**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}

    def run(
        self, command: Command, variables: Mapping[str, str], *, show_output: bool = False
    ) -> CommandResult:
        """Run a command to its end.

        Args:
            command: the command.
            variables: for its words.
            show_output: show its output as it comes; a build takes half an hour.

        Raises:
            CommandFailed: the program is missing.
        """
        words = [fill(word, variables) for word in command.argv]
        header = self._header() if command.authorized else None
        return self._start(words, header, show_output)

    def output(self, command: Command) -> str:
        """Return the standard output of a command without variables.

        Raises:
            CommandFailed: it failed, or the program is missing.
        """
        result = self.run(command, {})
        if result.code != 0:
            raise CommandFailed(failure(command, result))
        return result.out

    def _header(self) -> str:
        result = self._start(list(_TOKEN), None, show_output=False)
        if result.code != 0:
            raise CommandFailed(f"{' '.join(_TOKEN)}\n{result.err.strip()}")
        return f"Authorization: Bearer {result.out.strip()}\n"

    def _start(self, words: list[str], given: str | None, show_output: bool) -> CommandResult:
        try:
            process = subprocess.Popen(  # noqa: S603 - the plan's words, no shell
                words,
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except FileNotFoundError as error:
            raise CommandFailed(
                f"{words[0]} is not on the PATH; accepted: the Google Cloud CLI and curl"
            ) from error
        out: list[str] = []
        err: list[str] = []
        with process:
            readers = [
                threading.Thread(target=_read, args=(stream, lines, show_output), daemon=True)
                for stream, lines in ((process.stdout, out), (process.stderr, err))
            ]
            for reader in readers:
                reader.start()
            _write(process.stdin, given)
            for reader in readers:
                reader.join()
        return CommandResult(code=process.returncode, out="".join(out), err="".join(err))


def parsed(command: Command, result: CommandResult) -> Any:
    """Return the JSON of a command's output.

    Raises:
        CommandFailed: it is no JSON.
    """
    try:
        return json.loads(result.out)
    except ValueError as error:
        raise CommandFailed(
            f"{shell(command)}\nanswered {result.out[:200]!r}; accepted: JSON"
        ) from error


def failure(command: Command, result: CommandResult) -> str:
    """Return the command and its output, for the operator."""
    words = (result.err.strip() or result.out.strip())[-2000:]
    ran = shell(replace(command, absent=""))
    return f"{ran}\nended with {result.code}: {words}"


def _read(stream: IO[str] | None, lines: list[str], show_output: bool) -> None:
    try:
        for line in stream or ():
            lines.append(line)
            if show_output:
                sys.stderr.write(f"      {line}")
    except ValueError:
        pass  # closed meanwhile: the run was interrupted


def _write(stream: IO[str] | None, text: str | None) -> None:
    if stream is None:
        return
    try:
        stream.write(text or "")
        stream.close()
    except BrokenPipeError:
        pass  # it ended without reading: its output says why
