"""The HTTP API: what is promised of generations, on one machine and behind the queue."""

from tests.mutants.mutant import Mutant

_CLOUD = ("tests/web/test_cloud.py",)
_MAKERS = ("tests/web/test_makers.py",)
_TALK = ("tests/web/test_talk.py",)

MUTANTS = (
    Mutant(
        name="generation-without-a-lease",
        file="web/cloud/store.py",
        old='if lease.get("owner") != owner and lease.get("until", 0) > now:',
        new='if lease.get("owner") != owner and lease.get("until", 0) > now + 1e9:',
        why="Two renderers would render one generation at the same time.",
        tests=_CLOUD,
    ),
    Mutant(
        name="late-renderer-writes-after-its-lease",
        file="web/cloud/store.py",
        old='(found.to_dict().get("lease") or {}).get("owner") != claim.owner:',
        new="found.to_dict() is None:",
        why="A renderer that was taken for dead overwrites what its successor has made.",
        tests=_CLOUD,
    ),
    Mutant(
        name="generation-given-up-never",
        file="web/jobs/transitions.py",
        old="if generation.attempts < MOST_ATTEMPTS:",
        new="if generation.attempts < MOST_ATTEMPTS + 9:",
        why="A generation that kills its process each time would be begun for ever.",
        tests=_CLOUD,
    ),
    Mutant(
        name="state-without-its-message",
        file="web/cloud/store.py",
        old="        if told is not None:\n            self._messages.put(transaction, told)",
        new="        if told is None:\n            self._messages.put(transaction, told)",
        why="A webhook is told of every state that it asked for.",
        tests=_MAKERS,
    ),
    Mutant(
        name="message-for-every-process",
        file="web/cloud/messages.py",
        old='transaction.update(reference, {"due": now + GIVEN_FOR_S})',
        new='transaction.update(reference, {"due": now})',
        why="Each process of the API would send every message.",
        tests=_MAKERS,
    ),
    Mutant(
        name="talk-of-other-words-is-the-same",
        file="web/api/service.py",
        old='fingerprint=digest_of(wanted.kind, params, files.digests, asked["input"])[:20],',
        new="fingerprint=digest_of(wanted.kind, params, files.digests)[:20],",
        why="Equal fingerprints stand for equal videos; words and visemes move the mouth.",
        tests=_TALK,
    ),
)
