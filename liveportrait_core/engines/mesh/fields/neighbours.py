"""Other people in the portrait: what of the picture is theirs stands still, before the head.

Between two heads the picture is divided where it is equally far from both, each measured by its own
face. Knows faces and outlines, no pixels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.fields.outline import FACE_MIDDLE, FACE_RADIUS
from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import Array, HeadAxes

LEAST_APART = 1.0  # of the face's radius: what is nearer is this face, seen twice
SOFT = 0.06  # of a face's radius: the width of the border between two people


def divided(
    people: Field, head: HeadAxes, others: Sequence[NDArray[np.floating]]
) -> tuple[Field, Field | None]:
    """Divide the people of a picture, H×W in 0..1, between one head and all others.

    Args:
        people: everybody, above 0.5.
        head: who is animated.
        others: the faces that were found beside it, 478×3 each.

    Returns:
        The same without the others, and how opaque they are, 0..1; None: there are no others.
    """
    heads = [HeadAxes.of(other.astype(np.float64)) for other in others]
    apart = [other for other in heads if _away(other.middle[:2], head) > LEAST_APART]
    if not apart:
        return people, None
    rows, columns = np.indices(people.shape, np.float32)
    places = np.stack([columns, rows], axis=-1)
    nearer = _away(places, head) - np.min([_away(places, other) for other in apart], axis=0)
    own = np.where(nearer > 0, np.float32(0), people)
    soft = np.clip(nearer / SOFT, 0, 1) * np.clip(2 * people - 0.5, 0, 1)
    return own, soft.astype(np.float32)


def _away(places: NDArray[np.floating], head: HeadAxes) -> Array:
    """Return the distance from the middle of a face, 1 at its rim."""
    right, down = np.moveaxis(head.seen_from(places), -1, 0)
    return np.hypot(right / FACE_RADIUS[0], (down - FACE_MIDDLE) / FACE_RADIUS[1])
