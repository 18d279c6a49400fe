"""Sheets of pictures for people: rows of labelled tiles, one column for each moment.

Knows neither what is shown nor why; `contact_sheet` and `sweep_sheet` say that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.face.tracking import FaceTrack, track_face
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.output import draft_of
from liveportrait_core.report import Frame

COLUMNS = 6
_TILE_WIDTH_PX, _TILE_HEIGHT_PX = 224, 300
_GAP_PX, _MARGIN_PX = 12, 32
_HEADING_PX, _LABEL_PX, _NOTE_PX, _ROW_GAP_PX = 36, 22, 22, 22
_PAPER, _INK, _FAINT = (250, 249, 246), (34, 34, 38), (120, 118, 112)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A picture, already as small as it is shown, and the line below it."""

    picture: Image.Image
    label: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """Tiles side by side under a heading."""

    heading: str
    remark: str
    tiles: Sequence[Tile] = ()
    notes: Sequence[str] = ()  # lines beside the last tile, or below the heading

    @property
    def height_px(self) -> int:
        """With the gap to the next row."""
        written = _NOTE_PX * len(self.notes)
        shown = max((tile.picture.height + _LABEL_PX for tile in self.tiles), default=0)
        return _HEADING_PX + max(shown, written) + _ROW_GAP_PX


def write_sheet(rows: Sequence[Row], output: Path) -> None:
    """Draw the rows below one another into a PNG.

    Raises:
        EncodeFailed: the PNG cannot be written.
    """
    try:
        with draft_of(output) as draft:
            _draw(rows).save(draft, "PNG", optimize=True)
    except OSError as error:
        raise EncodeFailed(f"{output} cannot be written: {error}") from error


def frame_row(heading: str, remark: str, frames: Mapping[int, Frame], fps: Fraction) -> Row:
    """Return frames of a video, each labelled with its moment."""
    tiles = [
        Tile(picture=tile_picture(frame), label=f"{float(place / fps):.2f} s · frame {place}")
        for place, frame in frames.items()
    ]
    return Row(heading=heading, remark=remark, tiles=tiles)


def even_moments(frame_count: int) -> list[int]:
    """As many frames as there are columns, from the first to the last."""
    last = frame_count - 1
    return sorted({round(last * column / (COLUMNS - 1)) for column in range(COLUMNS)})


def follow_face(video: Path, seconds: float) -> FaceTrack:
    """Return the face through a video; empty where none is found."""
    clip = probe(video, max(seconds, 0.5), is_result=True)
    with FrameReader(clip, max_side_px=None) as reader, MeshFinder().clip() as find:
        return track_face(reader, find, None)


def frames_at(path: Path, places: Sequence[int], seconds: float) -> dict[int, Frame]:
    """Return the frames of a clip at these places, as far as it has them."""
    with FrameReader(probe(path, max(seconds, 0.5), is_result=True), max_side_px=None) as reader:
        return {place: frame for place, frame in enumerate(reader) if place in places}


def tile_picture(frame: Frame) -> Image.Image:
    """Fit a picture into a tile, keeping its proportions."""
    picture = Image.fromarray(frame)
    scale = min(_TILE_WIDTH_PX / picture.width, _TILE_HEIGHT_PX / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _draw(rows: Sequence[Row]) -> Image.Image:
    width = COLUMNS * (_TILE_WIDTH_PX + _GAP_PX) - _GAP_PX + 2 * _MARGIN_PX
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
            write((beside, top + _HEADING_PX + _NOTE_PX * line), note, _INK, 15)
        top += row.height_px
    return sheet


def _writer(
    sheet: Image.Image,
) -> Callable[[tuple[float, float], str, tuple[int, int, int], int], float]:
    """Return a function that writes on a sheet and returns where the text ends."""
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
