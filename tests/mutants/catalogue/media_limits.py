"""What a hostile picture or clip may take of the machine."""

from tests.mutants.mutant import Mutant

_LIMITS = ("tests/core/media/clips/test_limits.py",)
_HEIF = ("tests/core/media/pictures/test_heif.py",)
_CHILDREN = ("tests/core/media/test_child_process.py",)
_REFUSALS = ("tests/core/media/pictures/test_image_refusals.py",)

MUTANTS = (
    Mutant(
        name="children-with-a-network",
        file="liveportrait_core/media/child_process.py",
        old="            deny_network()\n",
        new="",
        why="No decoder reaches the metadata server (docs/run/image.md, Decoders).",
        tests=_CHILDREN,
    ),
    Mutant(
        name="children-with-our-environment",
        file="liveportrait_core/media/child_process.py",
        old="env=dict(environment or {}),",
        new="env=None if environment is None else dict(environment),",
        why="No decoder is told where keys lie (docs/run/image.md, Decoders).",
        tests=_CHILDREN,
    ),
    Mutant(
        name="crashes-tried-again",
        file="liveportrait_core/media/portrait_process.py",
        old="if -status in _CRASHES:",
        new="if False:",
        why="A picture that crashes its decoder is refused for good, not tried again.",
        tests=("tests/core/media/test_portrait_process.py",),
    ),
    Mutant(
        name="children-without-limits",
        file="liveportrait_core/media/child_process.py",
        old="    limits.apply(child.pid)\n",
        new="",
        why="Every child is bound in memory, processor time and output (section 2, limits).",
        tests=_LIMITS,
    ),
    Mutant(
        name="one-track-counts",
        file="liveportrait_core/media/sample_tables.py",
        old="totals[kind] = totals.get(kind, 0) + count",
        new="totals[kind] = count",
        why="No more samples announced over all tracks than bytes (section 2, limits).",
        tests=_LIMITS,
    ),
    Mutant(
        name="scans-without-end",
        file="liveportrait_core/media/pictures/damage/jpeg_scans.py",
        old="if scans > _MOST_SCANS:",
        new="if scans > 100 * _MOST_SCANS:",
        why="A JPEG of at most 100 scans (section 2, limits).",
        tests=_REFUSALS,
    ),
    Mutant(
        name="segments-without-end",
        file="liveportrait_core/media/pictures/damage/jpeg_scans.py",
        old="segments += 1 + fillers",
        new="segments += 1",
        why="Bytes that only fill count as segments do: each is read by itself.",
        tests=_REFUSALS,
    ),
    Mutant(
        name="missing-pixels-are-shown",
        file="liveportrait_core/media/pictures/image.py",
        old="with_other_bits != digest(picture)",
        new="not digest(picture)",
        why="A JPEG may lack its end, and no pixel (section 2).",
        tests=("tests/core/media/pictures/test_jpeg_end.py",),
    ),
    Mutant(
        name="tiles-cut-off",
        file="liveportrait_core/media/pictures/opening.py",
        old="if announced > len(data):",
        new="if announced > 2 * len(data):",
        why="A HEIC that does not hold what it announces is refused (section 2).",
        tests=_HEIF,
    ),
    Mutant(
        name="turned-twice",
        file="liveportrait_core/media/pictures/item_boxes.py",
        old="return not any(box.kind in _TURNS for box in self._properties_of(primary))",
        new="return True",
        why="A HEIC is turned once: its notes repeat its container (section 2).",
        tests=_HEIF,
    ),
    Mutant(
        name="tiles-of-any-size",
        file="liveportrait_core/media/pictures/heif.py",
        old="pixels = max(pixels, ItemBoxes.of(image.fp.read()).most_pixels)",
        new="image.fp.read()",
        why="Decoded in at most 920 MiB, its tiles and canvas too (section 2, limits).",
        tests=_HEIF,
    ),
)
