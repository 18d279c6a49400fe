"""Faults in how a portrait speaks: the idle's frames, the mouth's limits, the cut."""

from tests.mutants.mutant import Mutant

_MESH = ("tests/core/engines/mesh/speech/test_talk.py",)
_MOUTH = ("tests/core/engines/mesh/speech/test_mouth.py",)
_LIVEPORTRAIT = ("tests/core/engines/liveportrait/test_speaking.py",)
_TALK = ("tests/core/test_talk.py",)

MUTANTS = (
    Mutant(
        name="a-talk-begins-at-the-seam-only",
        file="liveportrait_core/engines/mesh/engine.py",
        old="at = (spoken.start_frame + index) % motion.idle_frames",
        new="at = index % motion.idle_frames",
        why="Frame i of a talk is the idle's frame (start + i) mod N (talk).",
        tests=_MESH,
    ),
    Mutant(
        name="speech-calms-the-brows",
        file="liveportrait_core/engines/mesh/fields/expression.py",
        old="return self._moves(quiet) * self._damping(self._moves(control_points))",
        new="return self._moves(quiet) * np.float32(0.9)",
        why="Eyes and brows of a talk are the idle's (talk).",
        tests=_MESH,
    ),
    Mutant(
        name="teeth-go-with-the-jaw",
        file="liveportrait_core/engines/mesh/speech/lips.py",
        old="ends = np.minimum(np.float32(TEETH_SHARE) * gap, reach)",
        new="ends = np.float32(0.9) * gap",
        why="Upper teeth belong to the skull (mesh engine, talk).",
        tests=_MOUTH,
    ),
    Mutant(
        name="a-mouth-opens-without-limit",
        file="liveportrait_core/engines/mesh/speech/lips.py",
        old="parting = min(max(wanted[1] - wanted[0], 0.0), limit * mouth.eye_distance_px)",
        new="parting = max(wanted[1] - wanted[0], 0.0)",
        why="Lips part no further than 0.15, or 0.05 over nothing (mesh engine, limits).",
        tests=_MOUTH,
    ),
    Mutant(
        name="an-m-stays-open",
        file="liveportrait_core/engines/mesh/speech/shapes.py",
        old="opening = FULL_OPENING * jaw * (1 - closing**2)",
        new="opening = FULL_OPENING * jaw * (1 - 0 * closing)",
        why="An m closes the lips (talk).",
        tests=_MOUTH,
    ),
    Mutant(
        name="an-invented-mouth-goes-unsaid",
        file="liveportrait_core/engines/mesh/speech/shapes.py",
        old="return (RenderWarning.MOUTH_INVENTED,)",
        new="return ()",
        why="What nobody has seen is said to be invented (talk).",
        tests=_MESH,
    ),
    Mutant(
        name="speech-is-scaled-with-the-idle",
        file="liveportrait_core/engines/liveportrait/trajectory.py",
        old="scale=float(source.motion.scale[0, 0]),",
        new="scale=options.driving_multiplier * float(source.motion.scale[0, 0]),",
        why="The driving multiplier has no part in speech (talk).",
        tests=_LIVEPORTRAIT,
    ),
    Mutant(
        name="speech-moves-the-whole-face",
        file="liveportrait_core/engines/liveportrait/motion/speaking.py",
        old="base_still[:, rows] = still[at][:, rows]",
        new="base_still[:] = still[at] + 1",
        why="Speech moves the mouth alone (talk).",
        tests=_LIVEPORTRAIT,
    ),
    Mutant(
        name="the-idle-resumes-elsewhere",
        file="liveportrait_core/pipeline/speech.py",
        old="resume_frame=(asked.start_frame + count) % idle_frames,",
        new="resume_frame=count % idle_frames,",
        why="The idle goes on with frame (start + frames) mod N (talk).",
        tests=_TALK,
    ),
)
