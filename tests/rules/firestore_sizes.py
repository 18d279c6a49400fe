"""How much an owner may write into an avatar's document, one sentence a row.

Rules cannot count bytes: they bound texts, and the number of fields.
"""

from collections.abc import Iterator
from typing import Any

from functions.domain.document import ALIASES
from tests.rules.avatars import AVATAR, INPUTS, OWNER, Row, allowed, avatar, refused, with_inputs
from tests.rules.firestore import GONE, Update

MOST_FIELDS = 100
MOST_CHARACTERS = 8192
MOST_OF_A_REGION = 64


def _many(count: int) -> dict[str, Any]:
    return {f"field{number}": number for number in range(count)}


def _texts() -> Iterator[Row]:
    for path in ("avatarImageUrl", "training.heroVideoUrl", "training.livePortrait.idleVideoUrl"):
        fields = {path: "x" * MOST_CHARACTERS, "updatedAt": 2}
        yield allowed(f"{path} may have 8192 characters", OWNER, Update(fields=fields))
        fields = {path: "x" * (MOST_CHARACTERS + 1), "updatedAt": 2}
        yield refused(f"{path} has no more than 8192 characters", OWNER, Update(fields=fields))
    for key in ("animationRegion", "animation_region"):
        path = f"training.livePortrait.{key}"
        fields = {path: "all".ljust(MOST_OF_A_REGION)}
        yield allowed(f"{key} may have 64 characters", OWNER, Update(fields=fields))
        fields = {path: "all".ljust(MOST_OF_A_REGION + 1)}
        yield refused(f"{key} has no more than 64 characters", OWNER, Update(fields=fields))


def _fields() -> Iterator[Row]:
    rename = Update(fields={"nickname": "Hopper"})
    room = MOST_FIELDS - len(AVATAR)
    yield allowed("a document may have 100 fields", OWNER, Update(fields=_many(room)))
    yield refused("it has no more than 100 fields", OWNER, Update(fields=_many(room + 1)))
    yield allowed("a document that had more may change", OWNER, rename, avatar(**_many(200)))
    yield refused(
        "a document that had more gets no larger", OWNER, Update(fields={"one": 1}),
        avatar(**_many(200)),
    )  # fmt: skip
    room = MOST_FIELDS - len(AVATAR["training"])
    nested = {f"training.{key}": value for key, value in _many(room).items()}
    yield allowed("training may have 100 fields", OWNER, Update(fields=nested))
    more = {**nested, "training.more": 1}
    yield refused("training has no more than 100 fields", OWNER, Update(fields=more))
    large = avatar(training={**AVATAR["training"], **_many(200)})
    yield allowed("a training that had more may change", OWNER,
                  Update(fields={"training.status": "x"}), large)  # fmt: skip
    yield refused("a training that had more gets no larger", OWNER,
                  Update(fields={"training.one": 1}), large)  # fmt: skip


def _keys() -> Iterator[Row]:
    """`training.livePortrait` has the keys of the contract and no others."""
    every: dict[str, Any] = {name: None for names in ALIASES.values() for name in names}
    path = "training.livePortrait"
    yield allowed("all names of inputs at once", OWNER,
                  Update(fields={path: {**every, "idleVideoUrl": ""}}))  # fmt: skip
    odd = with_inputs({**INPUTS, "mood": 1, "other": 2})
    for key in ("newKey", "DrivingMultiplier", "idleVideoUrl2"):
        yield refused(f"{key} is no input", OWNER, Update(fields={f"{path}.{key}": [1]}))
    yield refused("an unknown input does not come by merge", OWNER,
                  Update(fields={path: {**INPUTS, "mood": 1}}))  # fmt: skip
    yield allowed("an unknown input that stands may stay", OWNER,
                  Update(fields={f"{path}.drivingMultiplier": 0.5}), odd)  # fmt: skip
    yield allowed("an unknown input may go", OWNER, Update(fields={f"{path}.mood": GONE}), odd)
    yield refused("an unknown input is not changed", OWNER,
                  Update(fields={f"{path}.mood": "x"}), odd)  # fmt: skip


SIZES: tuple[Row, ...] = (*_texts(), *_fields(), *_keys())
