"""What reconcile calls wrong, and how it mends it."""

from tests.mutants.mutant import Mutant

_JUDGEMENT = ("tests/functions/test_reconcile_judgement.py",)
_MENDS = ("tests/functions/test_reconcile_mends.py",)

MUTANTS = (
    Mutant(
        name="young-objects-are-litter",
        file="functions/reconcile/discrepancy.py",
        old="and standing.now - listed.created > _LITTER_AGE_MS",
        new="and standing.now > listed.created",
        why="A render about to publish loses its objects (section 10, litter).",
        tests=_MENDS,
    ),
    Mutant(
        name="anything-is-litter",
        file="functions/reconcile/discrepancy.py",
        old="and _MADE_BY_US.fullmatch(path.removeprefix(folder))",
        new="",
        why="Only what is named as results are is ours to delete (section 10, litter).",
        tests=_MENDS,
    ),
    Mutant(
        name="judged-under-a-living-lease",
        file="functions/reconcile/discrepancy.py",
        old="if standing.record.lease_lives(standing.now):\n            return ()",
        new="if False:\n            return ()",
        why="Who has a living lease is not its matter (section 10).",
        tests=_JUDGEMENT,
    ),
    Mutant(
        name="quiet-for-milliseconds",
        file="functions/reconcile/discrepancy.py",
        old="entry.standing.now - since >= self.quiet_s * 1000",
        new="entry.standing.now - since >= self.quiet_s",
        why="A young wish is still its event's matter (section 10).",
        tests=_JUDGEMENT,
    ),
    Mutant(
        name="lost-task-never-put-again",
        file="functions/reconcile/discrepancy.py",
        old="task.fingerprint == fingerprint and now - task.at < _TASK_AGE_MS",
        new="task.fingerprint == fingerprint and task.stands(now)",
        why="A task of six hours is put again (section 10).",
        tests=("tests/functions/test_reconcile_gate.py",),
    ),
    Mutant(
        name="video-alone-is-in-place",
        file="functions/reconcile/discrepancy.py",
        old="_stands(entry, kept) for kept in (result.video, result.poster)",
        new="_stands(entry, kept) for kept in (result.video,)",
        why="A lost poster is found too (section 10, result-gone).",
        tests=("tests/functions/test_reconcile_cases.py",),
    ),
    Mutant(
        name="generation-not-compared",
        file="functions/reconcile/discrepancy.py",
        old="found is not None and found.generation == kept.generation",
        new="found is not None",
        why="A replaced object is not the published one (section 10, result-gone).",
        tests=("tests/functions/test_reconcile_cases.py",),
    ),
    Mutant(
        name="every-token-is-new",
        file="functions/reconcile/mending.py",
        old='token = next(iter(listed.stored.tokens), "")',
        new='token = ""',
        why="The object's present token is published (section 10, dead-token).",
        tests=_MENDS,
    ),
    Mutant(
        name="foreign-mirror-removed",
        file="functions/reconcile/repairs.py",
        old="ours = reader.is_own_output(avatar_id, document.mirror)",
        new="ours = isinstance(document.mirror, str)",
        why="A foreign value is left alone (section 10, stale-mirror).",
        tests=("tests/functions/test_reconcile_repairs.py",),
    ),
    Mutant(
        name="repaired-under-a-living-lease",
        file="functions/reconcile/repairs.py",
        old="if standing.record.lease_lives(standing.now):",
        new="if standing.record.cleaning(standing.now):",
        why="A render that has begun meanwhile is left alone (section 10).",
        tests=("tests/functions/test_reconcile_repairs.py",),
    ),
    Mutant(
        name="half-of-a-dead-result-stays",
        file="functions/reconcile/mending.py",
        old="self.means.media.discard(kept.path, kept.generation)  # the half that is left",
        new="pass",
        why="What is left of its objects goes (section 10, dead-result).",
        tests=_MENDS,
    ),
)
