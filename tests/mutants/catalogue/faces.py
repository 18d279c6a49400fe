"""How a face stands, what is before it, and who stands beside it."""

from tests.mutants.mutant import Mutant

_UPRIGHT = ("tests/core/face/test_upright.py",)
_TILTED = ("tests/core/engines/mesh/motion/test_tilted.py",)
_HIDDEN = ("tests/core/engines/mesh/fields/test_hidden.py",)
_FRONT = ("tests/core/engines/mesh/test_front.py",)
_NEIGHBOURS = ("tests/core/engines/mesh/fields/test_neighbours.py",)

MUTANTS = (
    Mutant(
        name="looks-agree-in-their-middle",
        file="liveportrait_core/face/flip_averaging.py",
        old="distances = np.linalg.norm(one[:, :2] - other[:, :2], axis=1)",
        new="distances = np.linalg.norm(one[:, :2].mean(0) - other[:, :2].mean(0), keepdims=True)",
        why="The middle of a face that is read upside down is right (mesh engine, follow).",
        tests=_UPRIGHT,
    ),
    Mutant(
        name="a-nod-becomes-a-shake",
        file="liveportrait_core/engines/mesh/fields/head.py",
        old="cv2.Rodrigues(np.radians(self.tilt @ rotation_deg))",
        new="cv2.Rodrigues(np.radians(rotation_deg))",
        why="Motion is applied in the directions of the portrait's head (mesh engine).",
        tests=_TILTED,
    ),
    Mutant(
        name="lids-over-sunglasses",
        file="liveportrait_core/engines/mesh/engine.py",
        old="lids_closed=motion.closure[index] * np.array(prepared.lids_move),",
        new="lids_closed=motion.closure[index],",
        why="A lid with something before the eye stays still (mesh engine, limits).",
        tests=_HIDDEN,
    ),
    Mutant(
        name="a-mask-smiles",
        file="liveportrait_core/engines/mesh/engine.py",
        old="        control_points[MOUTH] = 0",
        new="        control_points[MOUTH] *= 1",
        why="Lips with something before them stay still (mesh engine, limits).",
        tests=_HIDDEN,
    ),
    Mutant(
        name="a-neighbour-is-painted-over",
        file="liveportrait_core/engines/mesh/warp.py",
        old="if portrait.in_front is not None:",
        new="if portrait.in_front is not None and motion.lips_closed < 0:",
        why="Other people stand still, before the head that moves (mesh engine).",
        tests=_NEIGHBOURS,
    ),
    Mutant(
        name="a-lid-over-a-strand",
        file="liveportrait_core/engines/mesh/warp.py",
        old="if portrait.front is not None:",
        new="if portrait.front is not None and motion.lids_closed[0] < 0:",
        why="What is nearer than the face stays before it (mesh engine).",
        tests=_FRONT,
    ),
    Mutant(
        name="a-strand-goes-with-the-lips",
        file="liveportrait_core/engines/mesh/warp.py",
        old="portrait.front.over(out, grid, unturned, box)",
        new="portrait.front.over(out, grid, places, box)",
        why="What is nearer than the face only turns with the head (mesh engine).",
        tests=_FRONT,
    ),
    Mutant(
        name="teeth-and-lashes-are-strands",
        file="liveportrait_core/engines/mesh/front/finding.py",
        old="goes_on >= LEAST_BEYOND",
        new="goes_on >= 0",
        why="A clean portrait has no front layer (mesh engine).",
        tests=_HIDDEN,
    ),
)
