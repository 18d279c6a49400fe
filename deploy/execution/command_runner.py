"""The only place that starts a process: gcloud and curl, on the operator's account."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.command import Command, fill, shell
from deploy.errors import CommandFailed

_TOKEN = ("gcloud", "auth", "print-access-token")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs commands in the repository's root.

    gcloud never asks anything: where it would, it takes its default, and fails where it has none.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._environment = {**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}

    def run(self, command: Command, variables: Mapping[str, str], *, aloud: bool = False) -> Answer:
        """Run it to its end.

        Args:
            command: what to run.
            variables: for its words.
            aloud: show what it says while it says it; a build takes half an hour.

        Raises:
            CommandFailed: the program is not there.
        """
        words = [fill(word, variables) for word in command.argv]
        header = self._header() if command.authorized else None
        return self._start(words, header, aloud)

    def _header(self) -> str:
        answer = self._start(list(_TOKEN), None, aloud=False)
        if answer.code != 0:
            raise CommandFailed(f"{' '.join(_TOKEN)}\n{answer.err.strip()}")
        return f"Authorization: Bearer {answer.out.strip()}\n"

    def _start(self, words: list[str], given: str | None, aloud: bool) -> Answer:
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
        except FileNotFoundError as fault:
            raise CommandFailed(
                f"{words[0]} is not on the PATH; accepted: the Google Cloud CLI and curl"
            ) from fault
        out: list[str] = []
        err: list[str] = []
        with process:
            readers = [
                threading.Thread(target=_read, args=(stream, lines, aloud), daemon=True)
                for stream, lines in ((process.stdout, out), (process.stderr, err))
            ]
            for reader in readers:
                reader.start()
            _give(process.stdin, given)
            for reader in readers:
                reader.join()
        return Answer(code=process.returncode, out="".join(out), err="".join(err))


def parsed(command: Command, answer: Answer) -> Any:
    """The JSON of an answer.

    Raises:
        CommandFailed: it is none.
    """
    try:
        return json.loads(answer.out)
    except ValueError as fault:
        raise CommandFailed(
            f"{shell(command)}\nanswered {answer.out[:200]!r}; accepted: JSON"
        ) from fault


def failure(command: Command, answer: Answer) -> str:
    """The command and its own words, for the operator."""
    words = (answer.err.strip() or answer.out.strip())[-2000:]
    return f"{shell(command)}\nended with {answer.code}: {words}"


def _read(stream: IO[str] | None, lines: list[str], aloud: bool) -> None:
    try:
        for line in stream or ():
            lines.append(line)
            if aloud:
                sys.stderr.write(f"      {line}")
    except ValueError:
        pass  # closed under the reader: the run was interrupted


def _give(stream: IO[str] | None, text: str | None) -> None:
    if stream is None:
        return
    try:
        stream.write(text or "")
        stream.close()
    except BrokenPipeError:
        pass  # it ended without reading: its own words tell why
