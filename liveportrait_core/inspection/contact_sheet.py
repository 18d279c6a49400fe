"""One picture that shows a render to people: portrait, driving frames, result frames, labelled.

Driving and result are shown at the same moments, so that one column can be compared downwards.
"""

from pathlib import Path

from liveportrait_core.inspection.checks import Inspection
from liveportrait_core.inspection.key_frames import key_frames
from liveportrait_core.inspection.sheet import (
    COLUMNS,
    Row,
    Tile,
    even_moments,
    follow_face,
    frame_row,
    frames_at,
    tile_picture,
    write_sheet,
)
from liveportrait_core.media.portrait_process import decode_portrait
from liveportrait_core.report import Box

# A box that holds less of the picture than this is worth a closer look.
_SMALL_SHARE = 0.6


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
    moments = _moments(video, inspection)
    frames = frames_at(video, moments, inspection.duration_s)
    rows = [_portrait_row(portrait, inspection)]
    if driving is not None:
        driven = frames_at(driving, moments, inspection.duration_s)
        rows.append(frame_row("Driving clip", driving.name, driven, inspection.fps))
    rows.append(frame_row("Result", video.name, frames, inspection.fps))
    box = inspection.moving_box
    if box is not None and _share(box, inspection) < _SMALL_SHARE:
        close = {place: frame[box.slices] for place, frame in frames.items()}
        rows.append(frame_row("Result, closer", "the part that moves", close, inspection.fps))
    write_sheet(rows, output)


def _moments(video: Path, inspection: Inspection) -> list[int]:
    """Return the frames in which the face differs most; evenly spaced if it does not move."""
    track = follow_face(video, inspection.duration_s)
    telling = key_frames(track, count=COLUMNS) if track.landmarks else []
    return telling if len(telling) == COLUMNS else even_moments(inspection.frame_count)


def _portrait_row(portrait: Path, inspection: Inspection) -> Row:
    longest = max(inspection.width_px, inspection.height_px)
    pixels = decode_portrait(portrait, max_dim_px=longest).pixels
    short = [check for check in inspection.checks if not check.ok]
    count = len(inspection.checks)
    outcome = (
        f"{len(short)} of {count} checks fall short:" if short else f"All {count} checks passed"
    )
    size = f"{inspection.width_px} x {inspection.height_px} pixels"
    rate = f"{inspection.frame_count} frames at {float(inspection.fps):.5g} a second"
    return Row(
        heading="Portrait",
        remark=portrait.name,
        tiles=[Tile(picture=tile_picture(pixels), label="")],
        notes=[
            f"{size}, {inspection.duration_s:.2f} s, {rate}",
            outcome,
            *(f"   {check.name}: {check.measured}; accepted: {check.accepted}" for check in short),
        ],
    )


def _share(box: Box, inspection: Inspection) -> float:
    area = (box.x1 - box.x0) * (box.y1 - box.y0)
    return area / (inspection.width_px * inspection.height_px)
