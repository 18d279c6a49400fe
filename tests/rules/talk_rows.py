"""Who may do what to a talk, one sentence a row: contract.md, section 12."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.rules.avatars import AVATAR, NOBODY, OWNER, STRANGER, Row, allowed, avatar, refused
from tests.rules.firestore import GONE, SERVER, Action, Create, Delete, Merge, Query, Read, Update
from tests.rules.firestore_values import NO_BOOLS, NO_MAPS, NO_NONCES, NO_TEXTS, NONCES

PATH = "avatars/a/talks/hello"
REQUEST = {"audioUrl": "gs://b/avatars/a/hello.m4a", "strength": 1.0}
FRESH: Mapping[str, Any] = {"title": "Greeting", "request": REQUEST}
TALK: Mapping[str, Any] = {**FRESH, "talk": {"state": "ready", "videoUrl": "https://v"}}
VALUES: Mapping[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {  # accepted, refused
    "audioUrl": (("", "gs://b/x", "x" * 8192), ("x" * 8193, *NO_TEXTS)),
    "text": (("", "Hello", "x" * 5000), ("x" * 5001, *NO_TEXTS)),
    "visemes": (([], [{"ms": 0, "viseme": "PP"}]), ("PP", 7, True, {}, ["sil"] * 10_001)),
    "method": (("auto", "visemes", "joyvasa", " Wav2Lip "), ("magic", "", 7, ["auto"], {})),
    "strength": ((0, 1, 1.5), (-0.01, 1.51, "1", True, [], float("nan"))),
    "head": (("idle", "Speech"), ("tail", 7, True)),
    "base": (("idle", "heroVideo"), ("video", 7, True)),
    "refine": ((True, False), NO_BOOLS),
    "renderNonce": (NONCES, NO_NONCES),
}


def _rows() -> Iterator[Row]:
    yield allowed("an owner reads a talk", OWNER, Read())
    yield refused("a stranger does not read a talk", STRANGER, Read())
    yield refused("nobody reads a talk without a sign-in", NOBODY, Read())
    yield allowed("an owner lists the talks of an avatar", OWNER, Query())
    yield refused("a stranger does not list the talks of an avatar", STRANGER, Query())
    yield allowed("an owner creates a talk", OWNER, Create(fields=FRESH), None)
    yield refused("a stranger creates no talk", STRANGER, Create(fields=FRESH), None)
    yield refused("nobody creates a talk without a sign-in", NOBODY, Create(fields=FRESH), None)
    yield refused("a talk is not created with its answer", OWNER, Create(fields=TALK), None)
    yield refused(
        "a talk is not created with a strength out of range", OWNER,
        Create(fields={"request": {"strength": 7}}), None,
    )  # fmt: skip
    yield allowed("a talk may ask for nothing yet", OWNER, Create(fields={"title": "x"}), None)
    yield allowed("a talk is merged", OWNER, Merge(fields={"request": {"text": "Hello"}}))
    yield allowed("other fields of a talk are the app's own", OWNER, Update(fields={"title": 7}))
    yield allowed("a request is removed", OWNER, Update(fields={"request": GONE}))
    yield allowed("an owner deletes a talk", OWNER, Delete())
    yield refused("a stranger changes no talk", STRANGER, Update(fields={"title": "x"}))
    yield refused("a stranger deletes no talk", STRANGER, Delete())
    yield refused("nobody deletes a talk without a sign-in", NOBODY, Delete())
    yield refused("an owner forges no answer of a talk", OWNER, Update(fields={"talk.state": "x"}))
    yield refused("an owner removes no answer of a talk", OWNER, Update(fields={"talk": GONE}))
    yield allowed("the server answers a talk", SERVER, Update(fields={"talk.state": "queued"}))
    yield refused("a request has no unknown key", OWNER, Update(fields={"request.mood": "glad"}))
    many = {f"field{number}": 1 for number in range(101)}
    yield refused("a talk has at most 100 fields", OWNER, Update(fields=many))
    for value in NO_MAPS:
        said = repr(value)[:30]
        yield refused(f"a request is not {said}", OWNER, Update(fields={"request": value}))
    for key, (good, bad) in VALUES.items():
        path = f"request.{key}"
        for value in (*good, None):
            said = repr(value)[:30]
            yield allowed(f"a talk's {key} may be {said}", OWNER, Update(fields={path: value}))
        for place, value in enumerate(bad):
            said = f"{repr(value)[:30]} ({place})"
            yield refused(f"a talk's {key} is not {said}", OWNER, Update(fields={path: value}))


def _at(row: Row, host: Mapping[str, Any] | None = None, path: str = PATH) -> Row:
    stands = TALK if row.stands is AVATAR else row.stands
    return replace(
        row, stands=stands, path=path, beside="avatars/a", beside_fields=host or avatar()
    )


def _elsewhere() -> Iterator[Row]:
    public = avatar(isPublic=True)
    long = Update(fields={"request.visemes": ["sil"] * 10_000})
    yield _at(allowed("a talk has up to 10,000 visemes", OWNER, long))
    old = {**TALK, "request": {**REQUEST, "strength": 7}}
    other = Update(fields={"request.audioUrl": "gs://b/x"})
    yield _at(allowed("an old request with a bad value may change elsewhere", OWNER, other, old))
    yield _at(allowed("a stranger reads a public avatar's talk", STRANGER, Read()), public)
    yield _at(allowed("anybody reads a public avatar's talk", NOBODY, Read()), public)
    yield _at(
        refused("a public avatar's talk is not for all to delete", STRANGER, Delete()), public
    )
    stranger = avatar(userId=STRANGER)
    actions: tuple[Action, ...] = (Read(), Update(fields={"title": "x"}), Delete())
    for action in actions:
        row = refused(f"{type(action).__name__} of another's talk", OWNER, action)
        yield _at(row, stranger)
    for name in ("with a blank", "a:b", "n" * 129, "é"):
        row = refused(f"a talk's id is not {name[:20]}", OWNER, Create(fields=FRESH), None)
        yield _at(row, path=f"avatars/a/talks/{name}")
    for name in ("a", "A-z_9", "n" * 128):
        row = allowed(f"a talk's id may be {name[:20]}", OWNER, Create(fields=FRESH), None)
        yield _at(row, path=f"avatars/a/talks/{name}")
    row = refused("what is below a talk is nobody's", OWNER, Create(fields=FRESH), None)
    yield _at(row, path=f"{PATH}/parts/1")


TALKS: tuple[Row, ...] = (*(_at(row) for row in _rows()), *_elsewhere())
