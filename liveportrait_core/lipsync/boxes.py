"""Boxes of a face through a clip: from mesh points, averaged ahead while the face is seen.

wav2lip.md, section 6.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.lipsync.base import FaceBox

AVERAGED_AHEAD = 5
LEAST_WIDTH_PX = 32
"""A narrower box shows too little to paint a mouth into."""
LENGTHENED_BELOW = 0.06  # of the height: the network was trained on boxes that reach below the chin
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
Carried = TypeVar("Carried")


def face_box(points: NDArray[np.float32]) -> FaceBox | None:
    """Return the box around a face mesh, 478×3 in pixels; None where it is too narrow."""
    left, right = float(points[:, 0].min()), float(points[:, 0].max())
    top, bottom = float(points[list(_BROWS), 1].min()), float(points[:, 1].max())
    if right - left < LEAST_WIDTH_PX:
        return None
    return FaceBox(x0=left, y0=top, x1=right, y1=bottom + LENGTHENED_BELOW * (bottom - top))


def averaged_ahead(
    boxes: Iterable[tuple[Carried, FaceBox | None]],
) -> Iterator[tuple[Carried, FaceBox | None]]:
    """Give every item with its box averaged over the five from it on.

    The average ends where a frame has no face, and at the end. No more than five items are held.
    """
    ahead: deque[tuple[Carried, FaceBox | None]] = deque()
    for item in boxes:
        ahead.append(item)
        if len(ahead) == AVERAGED_AHEAD:
            yield ahead[0][0], _mean_of_run(ahead)
            ahead.popleft()
    while ahead:
        yield ahead[0][0], _mean_of_run(ahead)
        ahead.popleft()


def _mean_of_run(ahead: Iterable[tuple[Carried, FaceBox | None]]) -> FaceBox | None:
    run = list[FaceBox]()
    for _, box in ahead:
        if box is None:
            break
        run.append(box)
    if not run:
        return None
    x0, y0, x1, y1 = np.mean([(box.x0, box.y0, box.x1, box.y1) for box in run], axis=0).tolist()
    return FaceBox(x0=x0, y0=y0, x1=x1, y1=y1)
