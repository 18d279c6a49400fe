"""What is left of a deleted person, and who gets it."""

from tests.mutants.mutant import Mutant

_DELETIONS = (
    "tests/functions/jobs/deletion/test_former_life.py",
    "tests/functions/jobs/deletion/test_clean_up.py",
)
_RUNS = ("tests/functions/reconcile/passes/test_runner.py",)

MUTANTS = (
    Mutant(
        name="inputs-outlive-their-avatar",
        file="functions/domain/transitions/deletions.py",
        old="if not self.keeps_inputs:",
        new="if self.keeps_inputs:",
        why="A deleted person's face is left to whoever makes the id anew (section 7).",
        tests=_DELETIONS,
    ),
    Mutant(
        name="next-lifes-uploads-deleted",
        file="functions/domain/transitions/deletions.py",
        old="Deletion(path=avatar_folder(avatar_id), until=avatar.now - 1)",
        new="Deletion(path=avatar_folder(avatar_id), until=until)",
        why="A next life may upload while a clean-up runs (section 7).",
        tests=_DELETIONS,
    ),
    Mutant(
        name="no-tombstone",
        file="functions/cloud/database/firestore.py",
        old="if change.tombstone:",
        new="if change.counts:",
        why="Nothing keeps a deleted avatar's id from being used again (section 7).",
        tests=("tests/functions/cloud/test_firestore.py",),
    ),
    Mutant(
        name="older-than-the-deletion-rendered",
        file="functions/domain/avatar_state.py",
        old="if found.created < avatar.oldest_input:",
        new="if found.created < 0:",
        why="What a clean-up has left is another life's (section 2).",
        tests=_DELETIONS,
    ),
    Mutant(
        name="another-users-upload-rendered",
        file="functions/domain/avatar_state.py",
        old="if found.metadata.get(OWNER_KEY, owner) != owner:",
        new="if OWNER_KEY in found.metadata and owner is None:",
        why="An id is taken before its clean-up, with the face that lies there (section 2).",
        tests=_DELETIONS,
    ),
    Mutant(
        name="former-owners-videos-shown",
        file="functions/domain/snapshot.py",
        old='if not record.owner or self.owner in ("", record.owner):',
        new="if not record.owner or self.owner:",
        why="Who takes an id before its clean-up is shown another person's video (section 3).",
        tests=_DELETIONS,
    ),
    Mutant(
        name="quota-of-all-ignored",
        file="functions/domain/transitions/dispatches.py",
        old="            or starts.share "
        ">= share_of(avatar.avatar_id, rules.renders_per_day_total).most\n",
        new="",
        why="Many accounts render without limit (section 3, quota).",
        tests=("tests/functions/jobs/leases/test_claims.py",),
    ),
    Mutant(
        name="drafts-deleted",
        file="functions/reconcile/findings.py",
        old="if avatar.has_ledger or made or (inputs and was_there):",
        new="if avatar.has_ledger or made or inputs:",
        why="Files of which nothing tells are left alone (section 10, orphaned-input).",
        tests=_RUNS,
    ),
    Mutant(
        name="erased-without-looking-at-labels",
        file="functions/reconcile/erase.py",
        old="return stored.metadata.get(OWNER_KEY) == self.owner",
        new="return False",
        why="What a lost event has left is found by its label (section 10, erasing).",
        tests=("tests/functions/reconcile/test_erase.py",),
    ),
    Mutant(
        name="another-owners-avatar-erased",
        file="functions/reconcile/adapters/owner.py",
        old="if not found.exists or decode(found.fields.get(*OWNER)) != owner:",
        new="if not found.exists:",
        why="A document is deleted only while it names the person (section 10, erasing).",
        tests=("tests/functions/reconcile/test_adapters.py",),
    ),
)
