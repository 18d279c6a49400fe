"""One picture that shows a render to people: portrait, driving frames, result frames, labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from liveportrait_core.image import read_portrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.video import FrameReader, probe

_COLUMNS = 6
_TILE_PX = 260  # longest side of a tile
_GAP_PX = 12
_MARGIN_PX = 28
_HEADING_PX = 46
_LABEL_PX = 24
_PAPER = (250, 249, 246)
_INK = (34, 34, 38)
_FAINT = (120, 118, 112)
_LONGEST_S = 600.0


@dataclass(frozen=True, kw_only=True)
class _Tile:
    picture: Image.Image
    label: str


@dataclass(frozen=True, kw_only=True)
class _Row:
    heading: str
    remark: str
    tiles: Sequence[_Tile]

    @property
    def height_px(self) -> int:
        tallest = max(tile.picture.height for tile in self.tiles)
        return _HEADING_PX + tallest + _LABEL_PX + _GAP_PX


def contact_sheet(
    video: Path,
    portrait: Path,
    output: Path,
    *,
    driving: Path | None = None,
    max_seconds: float = RenderOptions.max_seconds,
) -> None:
    """Write a PNG with rows for the portrait, the driving clip (when given) and the result.

    Raises:
        BadInput: a file cannot be read.
    """
    still = Image.fromarray(read_portrait(portrait, max_dim_px=_TILE_PX * 2).pixels)
    still.thumbnail((_TILE_PX, _TILE_PX))
    rows = [_Row(heading="Portrait", remark=portrait.name, tiles=[_Tile(picture=still, label="")])]
    if driving is not None:
        rows.append(_film_row("Driving clip", driving, max_seconds))
    rows.append(_film_row("Result", video, _LONGEST_S))
    _draw(rows).save(output, "PNG", optimize=True)


def _film_row(heading: str, path: Path, max_seconds: float) -> _Row:
    """Frames spread evenly over the clip, first and last included."""
    clip = probe(path, max_seconds)
    last = max(clip.expected_frames - 1, 1)
    wanted = {round(last * column / (_COLUMNS - 1)) for column in range(_COLUMNS)}
    tiles = []
    with FrameReader(clip, max_side_px=_TILE_PX) as reader:
        for place, frame in enumerate(reader):
            if place in wanted:
                label = f"frame {place} · {float(place / clip.rate_fps):.2f} s"
                tiles.append(_Tile(picture=Image.fromarray(frame), label=label))
    rate = f"{float(clip.rate_fps):.5g} fps"
    return _Row(heading=heading, remark=f"{path.name} · {rate}", tiles=tiles)


def _draw(rows: Sequence[_Row]) -> Image.Image:
    widths = [sum(tile.picture.width + _GAP_PX for tile in row.tiles) - _GAP_PX for row in rows]
    height = sum(row.height_px for row in rows)
    sheet = Image.new("RGB", (max(widths) + 2 * _MARGIN_PX, height + 2 * _MARGIN_PX), _PAPER)
    pen = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(22), ImageFont.load_default(14)
    top = _MARGIN_PX
    for row in rows:
        pen.text((_MARGIN_PX, top), row.heading, fill=_INK, font=large)
        beside = _MARGIN_PX + pen.textlength(row.heading, font=large) + _GAP_PX
        pen.text((beside, top + 8), row.remark, fill=_FAINT, font=small)
        left = _MARGIN_PX
        for tile in row.tiles:
            sheet.paste(tile.picture, (left, top + _HEADING_PX - _GAP_PX))
            below = top + _HEADING_PX - _GAP_PX + tile.picture.height + 4
            pen.text((left, below), tile.label, fill=_FAINT, font=small)
            left += tile.picture.width + _GAP_PX
        top += row.height_px
    return sheet
