"""Everything computed once per portrait. Knows the face's points and silhouette; draws nothing."""

from dataclasses import dataclass

import numpy as np

from liveportrait_core.engines.mesh.fields.backdrop import Backdrop, backdrop
from liveportrait_core.engines.mesh.fields.expression import (
    ExpressionField,
    Mouth,
    expression_field,
    mouth_of,
)
from liveportrait_core.engines.mesh.fields.eyelids import Eye, eyes_of, lids_fit
from liveportrait_core.engines.mesh.fields.head import HeadField, head_field
from liveportrait_core.engines.mesh.fields.neighbours import divided
from liveportrait_core.engines.mesh.fields.outline import person_in
from liveportrait_core.engines.mesh.fields.sampling import Sampler
from liveportrait_core.engines.mesh.fields.visibility import eyes_seen, lips_seen
from liveportrait_core.engines.mesh.front.finding import Part, thin_things
from liveportrait_core.engines.mesh.front.layer import FrontLayer, front_layer
from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import Array, HeadAxes
from liveportrait_core.engines.mesh.speech.interior import MouthInterior, mouth_interior
from liveportrait_core.errors import ImageNoFace
from liveportrait_core.face.detector import FaceMesh, Points
from liveportrait_core.face.flip_averaging import points_from_flip
from liveportrait_core.face.upright import find_face
from liveportrait_core.report import Box, Frame, RenderWarning

BEYOND = 0.6  # a turning head brings no more from beyond the picture's border, eye distances


@dataclass(frozen=True, kw_only=True, eq=False)
class MeshPortrait:
    """A portrait ready to be animated; its arrays are not to be written.

    picture: H×W×3 RGB uint8, already of the result's size.
    box: outside it every frame equals the portrait.
    in_front: of the box, h×w, 0..1, other people, who stand still before the head; None: no others.
    front: what is nearer than eyes and lips that move; None: nothing is.
    """

    picture: Frame
    sampler: Sampler
    warnings: tuple[RenderWarning, ...]
    box: Box
    head: HeadField
    backdrop: Backdrop
    in_front: Field | None
    front: FrontLayer | None
    expression: ExpressionField
    eyes: tuple[Eye, Eye]  # left and right in the picture
    mouth: Mouth
    interior: MouthInterior
    mask: None = None  # all of the box may change
    lids_move: tuple[bool, bool]  # left and right in the picture
    lips_move: bool

    @property
    def face(self) -> Frame:
        """The picture without what is nearer than the face: what lids, lips and skin move."""
        return self.picture if self.front is None else self.front.bare


def prepare_portrait(picture: Frame) -> MeshPortrait:
    """Find the face and build the fields.

    Raises:
        ImageNoFace: no face was found.
    """
    height, width = picture.shape[:2]
    with FaceMesh(still=True) as mesh:
        found = find_face(mesh, picture)
        again = None if found is None else points_from_flip(mesh.find_large, picture, found.points)
    if found is None:
        raise ImageNoFace(
            f"no face was found in the portrait of {width}×{height} pixels; "
            "accepted: one clearly visible face, seen from the front"
        )
    points = found.points.astype(np.float64)
    axes = HeadAxes.of(points)
    person, others = divided(person_in(picture, axes), axes, found.others)
    head = head_field(points, axes, person)
    box = head.grid.inner.within(Box(x0=0, y0=0, x1=width, y1=height))
    if box is None:
        raise ImageNoFace("the face that was found lies beyond the portrait's border")
    front, seen, lips_move = _uncovered(picture, points, again, head, box)
    face = picture if front is None else front.bare
    behind = backdrop(face, person, axes.eye_distance, head.grid, box)
    mouth = mouth_of(points, axes)
    return MeshPortrait(
        picture=picture,
        sampler=Sampler.of(face, behind.cover, box, round(BEYOND * axes.eye_distance)),
        warnings=(
            *(() if found.alone else (RenderWarning.MULTIPLE_FACES_IMAGE,)),
            *(() if all(seen) else (RenderWarning.EYES_LEFT_STILL,)),
            *(() if lips_move else (RenderWarning.LIPS_LEFT_STILL,)),
        ),
        box=box,
        backdrop=behind,
        in_front=None if others is None else others[box.slices],
        front=front,
        head=head,
        expression=expression_field(points, axes, head.grid),
        eyes=eyes_of(face, points),
        mouth=mouth,
        interior=mouth_interior(face, points, axes, mouth.slit, mouth.gap),
        lids_move=seen,
        lips_move=lips_move,
    )


def _uncovered(
    picture: Frame, points: Array, again: Points | None, head: HeadField, box: Box
) -> tuple[FrontLayer | None, tuple[bool, bool], bool]:
    """Take off what is before eyes and lips that move, and tell which eyes and lips do.

    They are judged without the thin things before them. What is before others stays where it is.
    """
    unit, grid = head.eye_distance_px, head.grid
    things = thin_things(picture, points, HeadAxes.of(points))
    front = front_layer(picture, things, unit, grid, box)
    face = picture if front is None else front.bare
    eyes = eyes_seen(face, points, again) if lids_fit(points) else (False, False)
    lips = lips_seen(face, points, again)
    moving = dict(zip(Part, (*eyes, lips), strict=True))
    if not all(moving[thing.before] for thing in things):
        moved = [thing for thing in things if moving[thing.before]]
        front = front_layer(picture, moved, unit, grid, box)
    return front, eyes, lips
