"""The subcommand `weights`: fetch, verify, list. Knows argparse and how to speak to people."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liveportrait_core.weights.digests import Condition, FileState, inspect_file
from liveportrait_core.weights.manifest import WeightSet, choose_files, read_manifest

DEFAULT_FOLDER = Path("weights")
NON_COMMERCIAL_FLAG = "--accept-insightface-non-commercial-licence"

Say = Callable[[str], None]


def add_weights_command(commands: Any, say: Say) -> Any:
    """Add `weights` to the subcommands of a parser, and return its actions to add others to.

    `say` takes the lines meant for people.
    """
    parser = commands.add_parser("weights", help="fetch, verify, list or convert weight files")
    return add_actions(parser, say)


def add_actions(parser: argparse.ArgumentParser, say: Say) -> Any:
    """Add fetch, verify and list to a parser, and return its actions."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_fetch(actions, say)
    verify = actions.add_parser("verify", help="compare every file with the manifest")
    verify.set_defaults(command=lambda parsed: verify_weights(parsed.folder, say))
    listing = actions.add_parser("list", help="say what there is, whence, under which licence")
    listing.set_defaults(command=lambda parsed: list_weights(parsed.folder, say))
    for action in (verify, listing):
        action.add_argument(
            "folder", nargs="?", type=Path, default=DEFAULT_FOLDER, metavar="DIR",
            help="the weights folder (default: %(default)s)",
        )  # fmt: skip
    return actions


def _add_fetch(actions: Any, say: Say) -> None:
    fetch = actions.add_parser(
        "fetch", help="fetch what is missing; a broken-off fetch is continued"
    )
    fetch.set_defaults(command=lambda parsed: fetch_weights(parsed, say))
    fetch.add_argument(
        "--to", type=Path, default=DEFAULT_FOLDER, metavar="DIR",
        help="the weights folder (default: %(default)s)",
    )  # fmt: skip
    fetch.add_argument("--hub", metavar="OWNER/NAME", help="another repository with these files")
    fetch.add_argument("--revision", help="another revision of it")
    fetch.add_argument("--endpoint", metavar="URL", help="another server that speaks as the hub")
    fetch.add_argument(
        "--safetensors", action="store_true", help="the networks in that format instead of .pth"
    )
    fetch.add_argument(
        "--animals", action="store_true", help="the networks of the animals too, under the same"
        " licence as those of people",
    )  # fmt: skip
    fetch.add_argument(
        NON_COMMERCIAL_FLAG, dest="non_commercial", action="store_true",
        help="fetch InsightFace's face detector too: its licence allows non-commercial research"
        " only",
    )  # fmt: skip


def fetch_weights(parsed: argparse.Namespace, say: Say) -> int:
    """Fetch into a folder.

    Raises:
        FetchFailed: a file did not come whole.
    """
    from liveportrait_core.weights.fetch import fetch_all  # the hub's client is slow to import

    fetch_all(
        parsed.to,
        hub=parsed.hub,
        revision=parsed.revision,
        endpoint=parsed.endpoint,
        safetensors=parsed.safetensors,
        non_commercial=parsed.non_commercial,
        animals=parsed.animals,
        say=say,
    )
    say(f"{parsed.to} is complete")
    return 0


def verify_weights(folder: Path, say: Say) -> int:
    """Hash every file that lies in the folder; 0 if all are whole and none is missing."""
    manifest = read_manifest(folder)
    states = [
        inspect_file(folder, file, remembered=False)
        for weight_set in manifest.sets
        for file in weight_set.files
    ]
    for state in states:
        if state.condition is not Condition.MISSING:
            say(_line(state))
    whole = {state.file.checkpoint for state in states if state.condition is Condition.WHOLE}
    needed = [wanted.file.checkpoint for wanted in choose_files(manifest)]
    missing = [checkpoint for checkpoint in needed if checkpoint not in whole]
    for checkpoint in missing:
        say(
            f"{checkpoint}: not whole here;"
            f" run: python -m liveportrait_core weights fetch --to {folder}"
        )
    present = {state.condition for state in states} - {Condition.MISSING}
    return 0 if not missing and present <= {Condition.WHOLE} else 1


def list_weights(folder: Path, say: Say) -> int:
    """List every set, its files, and whether they are in the folder; read no file's content."""
    manifest = read_manifest(folder)
    say(f"manifest {manifest.path}")
    for weight_set in manifest.sets:
        say("")
        for line in _set_lines(folder, weight_set):
            say(line)
    for brought in manifest.brought:
        say("")
        for line in brought.lines(folder):
            say(line)
    return 0


def _set_lines(folder: Path, weight_set: WeightSet) -> list[str]:
    asked = f" (only with {NON_COMMERCIAL_FLAG})" if weight_set.non_commercial else ""
    lines = [
        f"{weight_set.name}: {weight_set.description}",
        f"  from {weight_set.hub} at {weight_set.revision}",
        f"  licence: {weight_set.licence}{asked}",
    ]
    for file in weight_set.files:
        condition = inspect_file(folder, file, digest=False).condition
        state = "here" if condition is Condition.WHOLE else condition.value
        size = "?" if file.size_bytes is None else f"{file.size_bytes / 1e6:.1f}"
        lines.append(f"  {size:>8} MB  {state:10}  {file.path}")
    return lines


def _line(state: FileState) -> str:
    if state.condition is Condition.WHOLE:
        return f"{state.file.path}: whole"
    is_size = state.condition is Condition.WRONG_SIZE
    expected = str(state.file.size_bytes) if is_size else state.file.sha256
    return f"{state.file.path}: {state.condition}: expected {expected}, found {state.found}"
