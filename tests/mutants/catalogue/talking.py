"""Talks: what belongs to an avatar and is not its idle video (contract.md, section 12)."""

from tests.mutants.mutant import Mutant

_TALKS = ("tests/functions/jobs/talks/test_talks.py",)
_METHODS = ("tests/functions/jobs/talks/test_methods.py",)
_RECONCILE = ("tests/functions/reconcile/findings/test_talks.py",)
_LEDGER = ("tests/functions/cloud/test_talk_ledger.py",)

MUTANTS = (
    Mutant(
        name="talks-outlive-their-avatar",
        file="functions/domain/transitions/deletions.py",
        old='yield Deletion(path=f"{avatar_id}/{TALKS}", until=avatar.now - 1, documents=True)',
        new="pass",
        why="Firestore deletes nothing below a document: what a deleted person said stays.",
        tests=_TALKS,
    ),
    Mutant(
        name="talk-while-its-avatar-is-cleaned-up",
        file="functions/domain/snapshot.py",
        old="return self.record.cleaning(self.now) or self.avatar_record.cleaning(self.now)",
        new="return self.record.cleaning(self.now)",
        why="The clean-up of the avatar's former life takes a listed talk of the next one away.",
        tests=_TALKS,
    ),
    Mutant(
        name="talk-kept-while-it-is-cleaned-up",
        file="functions/domain/transitions/deletions.py",
        old="record=begun, deletes_document=avatar.subject.is_talk",
        new="record=begun",
        why="Its avatar may come back meanwhile: what the talk shows then stands for ever.",
        tests=_TALKS,
    ),
    Mutant(
        name="talk-whose-avatar-came-back",
        file="functions/jobs/steps.py",
        old="if status is TransactionStatus.MOVED and trigger.subject.is_talk:",
        new="if False:",
        why="No event tells a talk that its avatar is there again: it is never answered.",
        tests=_TALKS,
    ),
    Mutant(
        name="look-at-a-talk-without-its-avatar",
        file="functions/jobs/handler.py",
        old="settles = asks or (key is None and task.subject.is_talk)",
        new="settles = asks",
        why="It stays `queued` where the avatar is made again before its deletion is served.",
        tests=_TALKS,
    ),
    Mutant(
        name="objects-of-a-forgotten-talk",
        file="functions/reconcile/paging.py",
        old="for talk in filter(self._is_forgotten, page.talks):",
        new="for talk in ():",
        why="What a render uploads after its talk was cleaned up stays for ever.",
        tests=_RECONCILE,
    ),
    Mutant(
        name="talk-without-an-avatar",
        file="functions/cloud/database/snapshots.py",
        old="is_there = document.exists and there is not None",
        new="is_there = document.exists",
        why="A talk of a deleted avatar is rendered, or stays.",
        tests=_LEDGER,
    ),
    Mutant(
        name="talk-of-another-sound",
        file="functions/domain/fingerprint.py",
        old='"sound": [talk.audio_path, sound.generation if sound else None],',
        new='"sound": [talk.audio_path],',
        why="A sound that was replaced is said as it was before.",
        tests=_TALKS,
    ),
    Mutant(
        name="seconds-without-a-bound",
        file="functions/domain/transitions/dispatches.py",
        old="and starts.spoken_ms >= rules.talk_seconds_per_owner_day * 1000",
        new="and False",
        why="One owner speaks all day (section 12, quota).",
        tests=_TALKS,
    ),
    Mutant(
        name="talk-rendered-for-every-slider",
        file="functions/reconcile/findings.py",
        old="if spec.said and shown.said == spec.said:",
        new="if False:",
        why="A new idle video does not render its avatar's talks anew.",
        tests=_RECONCILE,
    ),
    Mutant(
        name="a-newer-method-is-no-other-talk",
        file="functions/domain/fingerprint.py",
        old='"methodVersion": VERSIONS[talk.parameters.method],',
        new='"methodVersion": "",',
        why="A talk keeps the mouth of a method that was mended since (section 12, fingerprint).",
        tests=_METHODS,
    ),
    Mutant(
        name="a-method-offered-later-says-everything-again",
        file="functions/domain/fingerprint.py",
        old="if talk.asked is SpeechMethod.AUTO:",
        new="if False:",
        why="Offering a method renders no finished talk anew (section 12, reconcile).",
        tests=_RECONCILE,
    ),
    Mutant(
        name="licences-count-for-nothing",
        file="liveportrait_core/speech/methods.py",
        old="    if name not in allowed:",
        new="    if False:",
        why="What is for research only is used only where that was accepted (section 12).",
        tests=_METHODS,
    ),
    Mutant(
        name="a-method-may-take-for-ever",
        file="functions/jobs/rendering/animation.py",
        old="within_s=self._deps.settings.deadline_s,",
        new="within_s=None,",
        why="A method that exceeds the deadline is refused before it renders (section 12).",
        tests=_METHODS,
    ),
    Mutant(
        name="blocked-avatar-talks",
        file="functions/domain/request.py",
        old="request = self._request(subject.avatar_id, avatar)",
        new="request = self._request(subject.avatar_id, Snapshot(fields={**avatar.fields, "
        '"avatarImageUrl": "gs://demo.appspot.com/avatars/ava/hero.jpg"}))',
        why="What refuses the avatar refuses its talks.",
        tests=_TALKS,
    ),
)
