"""`weights convert`: published files that hold pickles become files that hold numbers alone."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liveportrait_core.errors import InvalidOption
from liveportrait_core.weights.command import DEFAULT_FOLDER
from liveportrait_core.weights.digests import sha256_of
from liveportrait_core.weights.manifest import PROJECT_MANIFEST, brought_as, read_manifest


def add_convert(actions: Any, say: Callable[[str], None]) -> None:
    """Add `convert` to the actions of `weights`; `say` takes the lines meant for people."""
    convert = actions.add_parser("convert", help="rewrite a published checkpoint without pickles")
    systems = convert.add_subparsers(title="systems", required=True, metavar="SYSTEM")
    joyvasa = systems.add_parser(
        "joyvasa", help="JoyVASA's motion generator, with HuBERT in it; nothing is executed"
    )
    joyvasa.set_defaults(command=lambda parsed: _convert_joyvasa(parsed, say))
    joyvasa.add_argument("checkpoint", type=Path, help="the motion generator's .pt")
    joyvasa.add_argument("template", type=Path, help="motion_template.pkl")
    joyvasa.add_argument(
        "--positions", choices=("constant", "indexed"), default="constant",
        help="how the weights were trained: constant, with the code of before December 2025, as the"
        " published ones; indexed, with later code (default: %(default)s)",
    )  # fmt: skip
    joyvasa.add_argument(
        "--steps", type=int, default=None, metavar="N",
        help="draw motion in so many steps; fewer take less time and give other motion (default: "
        "all that the weights were trained with, 500 of the published ones)",
    )  # fmt: skip
    wav2lip = systems.add_parser(
        "wav2lip", help="Wav2Lip's network, whose weights are for research only"
    )
    wav2lip.set_defaults(command=lambda parsed: _convert_wav2lip(parsed, say))
    wav2lip.add_argument("checkpoint", type=Path, help="wav2lip.pth or wav2lip_gan.pth")
    for system in (joyvasa, wav2lip):
        _add_folder(system)


def _add_folder(system: argparse.ArgumentParser) -> None:
    system.add_argument(
        "--to", type=Path, default=DEFAULT_FOLDER, metavar="DIR",
        help="the weights folder (default: %(default)s)",
    )  # fmt: skip


def _convert_joyvasa(parsed: argparse.Namespace, say: Callable[[str], None]) -> int:
    from liveportrait_core.engines.liveportrait.joyvasa.denoiser import PositionTable
    from liveportrait_core.engines.liveportrait.joyvasa.weights import convert

    _require_file(parsed.checkpoint, "JoyVASA's checkpoint")
    _require_file(parsed.template, "JoyVASA's motion template")
    _say_origin((parsed.checkpoint, parsed.template), say)
    path = convert(
        parsed.checkpoint,
        parsed.template,
        parsed.to,
        positions=PositionTable(parsed.positions),
        steps=parsed.steps,
    )
    say(f"{path} is written; positions {parsed.positions}, {parsed.steps or 'all'} steps")
    return 0


def _convert_wav2lip(parsed: argparse.Namespace, say: Callable[[str], None]) -> int:
    from liveportrait_core.lipsync.wav2lip.weights import convert

    _require_file(parsed.checkpoint, "Wav2Lip's checkpoint")
    _say_origin((parsed.checkpoint,), say)
    say(f"{convert(parsed.checkpoint, parsed.to)} is written; for research only")
    return 0


def _say_origin(paths: tuple[Path, ...], say: Callable[[str], None]) -> None:
    """Tell which published file each is, by its digest; another one is converted all the same."""
    manifest = read_manifest(PROJECT_MANIFEST.parent)
    for path in paths:
        known = brought_as(manifest, digest := sha256_of(path))
        if known is None:
            say(f"{path.name}: SHA-256 {digest}, which weights/manifest.json does not know")
        else:
            say(f"{path.name}: as published, {known[1].name} of {known[0].source}")


def _require_file(path: Path, what: str) -> None:
    if not path.is_file():
        raise InvalidOption(f"{path} is no file; accepted: {what}")
