"""A command as a value: its words, what it captures, and how a shell would write it.

A word may name a variable, `${FIRESTORE_LOCATION}`: a fact that only the project knows. The plan is
made without it, a run fills it in. Starts nothing.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")
_IN_DOUBLE_QUOTES = re.compile(r'([\\"`]|\$(?!\{[A-Z_]+\}))')
_TOKEN = "gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' |"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class Command:
    """One process: `gcloud …`, or `curl …` where gcloud has no command.

    Attributes:
        argv: the words; the first is the program.
        capture: the variable that takes the answer.
        pattern: its first group is what is captured; without it, all of the answer but its ends.
        authorized: give the operator's access token on standard input, where no list of processes
            shows it; the words then read headers from there (`curl -H @-`).
    """

    argv: tuple[str, ...]
    capture: str | None = None
    pattern: str | None = None
    authorized: bool = False


def gcloud(verb: str, *words: str, capture: str | None = None) -> Command:
    """A gcloud command; the verb is of several words, such as `run services list`."""
    return Command(argv=("gcloud", *verb.split(), *words), capture=capture)


def variable(name: str) -> str:
    """How a word of a command cites a variable."""
    return f"${{{name}}}"


def fill(text: str, variables: Mapping[str, str]) -> str:
    """The text with every variable's value.

    Raises:
        KeyError: a variable that nothing has defined: a fault of the plan.
    """
    return _VARIABLE.sub(lambda match: variables[match[1]], text)


def shell(command: Command) -> str:
    """One line that a POSIX shell runs as this program would, variables as the shell's own."""
    line = " ".join(_quoted(word) for word in command.argv)
    if command.authorized:
        line = f"{_TOKEN} {line}"
    if command.pattern is not None:
        substitution = rf"s|^.*{command.pattern}.*$|\1|p"
        line = f"{line} | sed -nE {shlex.quote(substitution)}"
    return line if command.capture is None else f"{command.capture}=$({line})"


def captured(command: Command, answer: str) -> str:
    """What the command's variable takes from its answer; empty where the pattern is not in it."""
    if command.pattern is None:
        return answer.strip()
    match = re.search(command.pattern, answer)
    return match[1] if match else ""


def _quoted(word: str) -> str:
    if _VARIABLE.search(word) is None:
        return shlex.quote(word)
    return '"' + _IN_DOUBLE_QUOTES.sub(r"\\\1", word) + '"'
