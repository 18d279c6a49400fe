"""Commands as values: their words, what they capture, and their form in a shell.

A word may contain a variable, `${FIRESTORE_LOCATION}`: a fact of the project. Plans contain the
variable, a run fills in its value.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")
_IN_DOUBLE_QUOTES = re.compile(r'([\\"`]|\$(?!\{[A-Z_]+\}))')
_ESCAPED = r"\\\1"
_TOKEN = "gcloud auth print-access-token | sed 's/^/Authorization: Bearer /' |"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class Command:
    """One process: `gcloud …`, or `curl …` where gcloud has no command.

    Attributes:
        argv: the words; the first is the program.
        capture: the variable for the output.
        pattern: its first group is captured; without it, the whole output, stripped.
        absent: what it means where there is nothing to capture, for the operator.
        authorized: pass the operator's access token on standard input, where no list of processes
            shows it; the words then read headers from there (`curl -H @-`).
    """

    argv: tuple[str, ...]
    capture: str | None = None
    pattern: str | None = None
    absent: str = ""
    authorized: bool = False


def gcloud(
    verb: str,
    *words: str,
    capture: str | None = None,
    pattern: str | None = None,
    absent: str = "",
) -> Command:
    """Return a gcloud command; the verb is of several words, such as `run services list`."""
    argv = ("gcloud", *verb.split(), *words)
    return Command(argv=argv, capture=capture, pattern=pattern, absent=absent)


def variable(name: str) -> str:
    """Return a variable as it is written in a command's words."""
    return f"${{{name}}}"


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with every variable's value.

    Raises:
        KeyError: a variable is not defined: an error of the plan.
    """
    return _VARIABLE.sub(lambda match: variables[match[1]], text)


def shell(command: Command) -> str:
    """Return the command as one line for a POSIX shell, with variables as shell variables."""
    line = " ".join(_quoted(word) for word in command.argv)
    if command.authorized:
        line = f"{_TOKEN} {line}"
    if command.pattern is not None:
        substitution = rf"s|^.*{command.pattern}.*$|\1|p"
        line = f"{line} | sed -nE {shlex.quote(substitution)}"
    if command.capture is None:
        return line
    line = f"{command.capture}=$({line})"
    if command.absent:
        line += f'; : "${{{command.capture}:?{_IN_DOUBLE_QUOTES.sub(_ESCAPED, command.absent)}}}"'
    return line


def captured(command: Command, output: str) -> str:
    """Return the captured part of a command's output; empty where the pattern does not match."""
    if command.pattern is None:
        return output.strip()
    match = re.search(command.pattern, output)
    return match[1] if match else ""


def _quoted(word: str) -> str:
    if _VARIABLE.search(word) is None:
        return shlex.quote(word)
    return '"' + _IN_DOUBLE_QUOTES.sub(_ESCAPED, word) + '"'
