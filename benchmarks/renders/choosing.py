"""The pictures of docs/use/choosing.md: `python -m benchmarks.renders.choosing --to docs/pictures`.

Each shows what one command of that page does to a public-domain portrait, drawn by the mesh engine:
LivePortrait's weights are not needed, and so are not shown.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.edit_sequence import read_edit_sequence
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.options import AnimationRegion, Engine, RenderOptions
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import MotionTemplate, RenderRequest

HOPPER = ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
COLLINS = ("skimage", "data/astronaut.png")
FACES = {HOPPER: (120, 95, 270), COLLINS: (140, 5, 175)}  # left, top, side, pixels of the picture
TILE_PX = 232
PEAK = 20  # frame of the driving clip in which everything has moved
DRIVING = {
    "fps": 25,
    "keys": [
        {"frame": 0, "edit": {}},
        {"frame": PEAK, "edit": {"yaw": -7, "pitch": 3, "winkLeft": 39, "winkRight": 39,
                                 "smile": 1.0, "lips": 40}},
        {"frame": 40, "edit": {}},
    ],
}  # fmt: skip
MULTIPLIERS = (0.2, 0.4, 0.7, 1.0)
WISHES = {
    "as it is": PortraitEdit(),
    "smile=1.0": PortraitEdit(smile=1.0),
    "yaw=-7": PortraitEdit(yaw=-7),
    "eyebrow=30": PortraitEdit(eyebrow=30),
    "wink_left=39": PortraitEdit(wink_left=39),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.renders.choosing", description=__doc__
    )
    parser.add_argument("--to", type=Path, required=True, help="the folder to write them into")
    folder: Path = parser.parse_args(arguments).to
    renderer = open_renderer(Engine.MESH, Path("weights"))
    with tempfile.TemporaryDirectory() as scratch:
        driving = _driving_clip(renderer, Path(scratch))
        motion = renderer.analyse(driving, max_seconds=10)
        peak = [_peak(renderer, HOPPER, motion, RenderOptions(driving_multiplier=0))]
        write_picture(_regions(renderer, motion), folder / "choosing-regions.jpg")
        write_picture(_multipliers(renderer, motion, peak), folder / "choosing-multipliers.jpg")
    write_picture(_wishes(renderer), folder / "choosing-edits.jpg")
    return 0


def _path(person: tuple[str, str]) -> Path:
    package, place = person
    return Path(str(files(package).joinpath(place)))


def _driving_clip(renderer: Renderer, folder: Path) -> Path:
    """Make Collins turn, smile and shut her eyes by key-framed edits."""
    keys, clip = folder / "edits.json", folder / "driving.mp4"
    keys.write_text(json.dumps(DRIVING))
    renderer.render(
        RenderRequest(portrait=_path(COLLINS), motion=read_edit_sequence(keys), output=clip)
    )
    return clip


def _peak(
    renderer: Renderer, person: tuple[str, str], motion: MotionTemplate, options: RenderOptions
) -> Frame:
    """Return the frame in which everything has moved, cut to the face."""
    options = replace(options, loop=False)
    prepared = renderer.prepare(_path(person), options)
    frames = list(renderer.animate(prepared, motion, options))
    return _face(frames[PEAK], person)


def _face(frame: Frame, person: tuple[str, str]) -> Frame:
    left, top, side = FACES[person]
    cut = frame[top : top + side, left : left + side]
    size = (TILE_PX, TILE_PX)
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)


def _regions(renderer: Renderer, motion: MotionTemplate) -> Frame:
    full = RenderOptions(driving_multiplier=1.0)
    tiles = [
        _peak(renderer, HOPPER, motion, replace(full, animation_region=region))
        for region in AnimationRegion
    ]
    return _row(tiles, [region.value for region in AnimationRegion])


def _multipliers(renderer: Renderer, motion: MotionTemplate, rest: Iterable[Frame]) -> Frame:
    tiles = [
        _peak(renderer, HOPPER, motion, RenderOptions(driving_multiplier=multiplier))
        for multiplier in MULTIPLIERS
    ]
    return _row([*rest, *tiles], ["0", *(f"{multiplier:.1f}" for multiplier in MULTIPLIERS)])


def _wishes(renderer: Renderer) -> Frame:
    tiles = []
    for edit in WISHES.values():
        options = RenderOptions(edit=edit)
        prepared = renderer.prepare(_path(HOPPER), options)
        tiles.append(_face(renderer.still(prepared, options), HOPPER))
    return _row(tiles, list(WISHES))


def _row(tiles: Sequence[Frame], names: Sequence[str]) -> Frame:
    """Put tiles beside one another, each with its name below."""
    return np.hstack([_named(tile, name) for tile, name in zip(tiles, names, strict=True)])


def _named(tile: Frame, name: str) -> Frame:
    strip = np.full((30, TILE_PX, 3), 255, np.uint8)
    cv2.putText(strip, name, (8, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (20, 20, 20), 1, cv2.LINE_AA)
    border = np.full((tile.shape[0] + 30, 4, 3), 255, np.uint8)
    return np.hstack([np.vstack([tile, strip]), border])


if __name__ == "__main__":
    sys.exit(main())
