"""One picture that shows a render to people: portrait, driving frames, result frames, labelled.

Driving and result are shown at the same moments, so that one column can be compared downwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.image import read_portrait
from liveportrait_core.inspection.checks import Inspection
from liveportrait_core.options import Box, Frame
from liveportrait_core.video import FrameReader, probe

_COLUMNS = 6
_TILE_WIDTH_PX, _TILE_HEIGHT_PX = 224, 300
_GAP_PX, _MARGIN_PX = 12, 32
_HEADING_PX, _LABEL_PX, _ROW_GAP_PX = 36, 22, 22
_PAPER, _INK, _FAINT = (250, 249, 246), (34, 34, 38), (120, 118, 112)
# A box that holds less of the picture than this is worth a closer look.
_SMALL_SHARE = 0.6


@dataclass(frozen=True, kw_only=True)
class _Tile:
    picture: Image.Image
    label: str


@dataclass(frozen=True, kw_only=True)
class _Row:
    heading: str
    remark: str
    tiles: Sequence[_Tile]
    notes: Sequence[str] = ()  # lines beside the last tile

    @property
    def height_px(self) -> int:
        tallest = max(tile.picture.height for tile in self.tiles)
        return _HEADING_PX + tallest + _LABEL_PX + _ROW_GAP_PX


def contact_sheet(
    video: Path,
    portrait: Path,
    output: Path,
    inspection: Inspection,
    *,
    driving: Path | None = None,
) -> None:
    """Write a PNG with rows for the portrait, the driving clip (when given) and the result.

    Args:
        video: the finished video.
        portrait: the picture it was made from.
        output: the PNG to write.
        inspection: what `inspect` measured on the video.
        driving: the clip it was made from.

    Raises:
        BadInput: a file cannot be read.
        EncodeFailed: the PNG cannot be written.
    """
    last = inspection.frame_count - 1
    moments = sorted({round(last * column / (_COLUMNS - 1)) for column in range(_COLUMNS)})
    frames = _frames_at(video, moments, inspection.duration_s)
    rows = [_portrait_row(portrait, inspection)]
    if driving is not None:
        driven = _frames_at(driving, moments, inspection.duration_s)
        rows.append(_film_row("Driving clip", driving.name, driven, inspection))
    rows.append(_film_row("Result", video.name, frames, inspection))
    box = inspection.moving_box
    if box is not None and _share(box, inspection) < _SMALL_SHARE:
        close = {place: frame[box.slices] for place, frame in frames.items()}
        rows.append(_film_row("Result, closer", "the part that moves", close, inspection))
    try:
        _draw(rows).save(output, "PNG", optimize=True)
    except OSError as error:
        raise EncodeFailed(f"{output} cannot be written: {error}") from error


def _frames_at(path: Path, places: Sequence[int], seconds: float) -> dict[int, Frame]:
    """The frames of a clip at these places, as far as it has them."""
    with FrameReader(probe(path, max(seconds, 0.5)), max_side_px=None) as reader:
        return {place: frame for place, frame in enumerate(reader) if place in places}


def _portrait_row(portrait: Path, inspection: Inspection) -> _Row:
    longest = max(inspection.width_px, inspection.height_px)
    pixels = read_portrait(portrait, max_dim_px=longest).pixels
    short = [check for check in inspection.checks if not check.ok]
    count = len(inspection.checks)
    verdict = (
        f"{len(short)} of {count} checks fall short:" if short else f"All {count} checks passed"
    )
    size = f"{inspection.width_px} x {inspection.height_px} pixels"
    rate = f"{inspection.frame_count} frames at {float(inspection.fps):.5g} a second"
    return _Row(
        heading="Portrait",
        remark=portrait.name,
        tiles=[_Tile(picture=_tile_picture(pixels), label="")],
        notes=[
            f"{size}, {inspection.duration_s:.2f} s, {rate}",
            verdict,
            *(f"   {check.name}: {check.measured}; accepted: {check.accepted}" for check in short),
        ],
    )


def _film_row(heading: str, remark: str, frames: dict[int, Frame], inspection: Inspection) -> _Row:
    tiles = [
        _Tile(
            picture=_tile_picture(frame),
            label=f"{float(place / inspection.fps):.2f} s · frame {place}",
        )
        for place, frame in frames.items()
    ]
    return _Row(heading=heading, remark=remark, tiles=tiles)


def _tile_picture(frame: Frame) -> Image.Image:
    picture = Image.fromarray(frame)
    scale = min(_TILE_WIDTH_PX / picture.width, _TILE_HEIGHT_PX / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _share(box: Box, inspection: Inspection) -> float:
    area = (box.x1 - box.x0) * (box.y1 - box.y0)
    return area / (inspection.width_px * inspection.height_px)


def _draw(rows: Sequence[_Row]) -> Image.Image:
    width = _COLUMNS * (_TILE_WIDTH_PX + _GAP_PX) - _GAP_PX + 2 * _MARGIN_PX
    height = sum(row.height_px for row in rows) - _ROW_GAP_PX + 2 * _MARGIN_PX
    sheet = Image.new("RGB", (width, height), _PAPER)
    write = _writer(sheet)
    top = _MARGIN_PX
    for row in rows:
        right = write((_MARGIN_PX, top), row.heading, _INK, 20)
        write((right + _GAP_PX, top + 6), row.remark, _FAINT, 14)
        column = _TILE_WIDTH_PX + _GAP_PX
        for place, tile in enumerate(row.tiles):
            left = _MARGIN_PX + place * column
            sheet.paste(tile.picture, (left, top + _HEADING_PX))
            below = top + _HEADING_PX + tile.picture.height + 4
            write((left, below), tile.label, _FAINT, 13)
        beside = _MARGIN_PX + len(row.tiles) * column
        for line, note in enumerate(row.notes):
            write((beside, top + _HEADING_PX + 22 * line), note, _INK, 15)
        top += row.height_px
    return sheet


def _writer(
    sheet: Image.Image,
) -> Callable[[tuple[float, float], str, tuple[int, int, int], int], float]:
    """A pen for one sheet; gives where the text ends."""
    pen = ImageDraw.Draw(sheet)
    # Pillow's own has no letters beyond ASCII; names of files have.
    typeface = files("matplotlib") / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"

    def write(
        place: tuple[float, float], text: str, colour: tuple[int, int, int], size_px: int
    ) -> float:
        font = ImageFont.truetype(str(typeface), size_px)
        pen.text(place, text, fill=colour, font=font)
        return place[0] + pen.textlength(text, font=font)

    return write
