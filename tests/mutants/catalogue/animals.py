"""Animals: their crop, their motion, and what a document says of them."""

from tests.mutants.mutant import Mutant

_REQUEST = ("tests/functions/domain/test_request.py",)

MUTANTS = (
    Mutant(
        name="animal-stitched-in-vain",
        file="liveportrait_core/engines/liveportrait/animals/motion.py",
        old="final = still + (stitched - still) * np.float32(multiplier)",
        new="final = still + (composed - still) * np.float32(multiplier)",
        why="The multiplier scales what stitching made (liveportrait.md, P10.3).",
        tests=("tests/core/engines/liveportrait/animals/test_motion.py",),
    ),
    Mutant(
        name="animal-as-wide-as-its-eyes",
        file="liveportrait_core/engines/liveportrait/animals/box.py",
        old="_WIDTH_OF_EYES = 1.35",
        new="_WIDTH_OF_EYES = 1.0",
        why="Three taps lack the outer corners of the eyes (liveportrait.md, P10.2).",
        tests=("tests/core/engines/liveportrait/animals/test_box.py",),
    ),
    Mutant(
        name="animal-rendered-as-a-person",
        file="liveportrait_core/renderer.py",
        old="if species is Species.HUMAN or self._open_animals is None:",
        new="if True:",
        why="Animals have an engine of their own.",
        tests=("tests/core/engines/liveportrait/animals/test_render.py",),
    ),
    Mutant(
        name="points-of-no-consequence",
        file="functions/domain/fingerprint.py",
        old="if wanted.species is Species.ANIMAL:",
        new="if wanted.pasteback is None:",
        why="A face pointed out elsewhere is another render (section 2).",
        tests=_REQUEST,
    ),
    Mutant(
        name="motion-of-a-person-for-an-animal",
        file="functions/jobs/rendering/motion_cache.py",
        old="if species is not Species.HUMAN:",
        new="if max_seconds < 0:",
        why="Networks of its own read the clip for an animal (section 3).",
        tests=("tests/functions/jobs/rendering/test_motion_cache.py",),
    ),
)
