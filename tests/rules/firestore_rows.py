"""Who may do what to Firestore, one sentence a row. Knows neither the rules nor who judges them."""

from collections.abc import Iterator
from dataclasses import replace

from functions.cloud.database.quotas import QUOTA
from functions.domain.subject import IDLE_LEDGERS, TALK_LEDGERS
from functions.reconcile.adapters import CHECKPOINTS
from tests.rules.avatars import (
    AVATAR,
    FRESH,
    INPUTS,
    NOBODY,
    OWNER,
    STRANGER,
    Row,
    allowed,
    avatar,
    refused,
)
from tests.rules.firestore import GONE, SERVER, Create, Delete, Merge, Query, Read, Replace, Update
from tests.rules.firestore_sizes import SIZES
from tests.rules.firestore_values import VALUES
from tests.rules.talk_rows import TALKS

PUBLIC = avatar(isPublic=True)
READING = (
    allowed("an owner reads an avatar", OWNER, Read()),
    refused("a stranger does not read an avatar", STRANGER, Read()),
    refused("nobody reads an avatar without a sign-in", NOBODY, Read()),
    allowed("a stranger reads a public avatar", STRANGER, Read(), PUBLIC),
    allowed("anybody reads a public avatar without a sign-in", NOBODY, Read(), PUBLIC),
    refused("isPublic false is not public", NOBODY, Read(), avatar(isPublic=False)),
    refused("isPublic null is not public", NOBODY, Read(), avatar(isPublic=None)),
    refused("isPublic as text is not public", NOBODY, Read(), avatar(isPublic="true")),
    refused("an avatar without userId is nobody's", OWNER, Read(), {"nickname": "x"}),
    refused("an avatar whose userId is null is not nobody's", NOBODY, Read(), {"userId": None}),
    refused("an avatar that is not there tells nothing", OWNER, Read(), None),
    allowed("an owner lists their own", OWNER, Query(field="userId", value=OWNER)),
    refused("an owner does not list a stranger's", OWNER, Query(field="userId", value=STRANGER)),
    refused("an owner does not list all avatars", OWNER, Query()),
    refused("nobody lists by owner without a sign-in", NOBODY, Query(field="userId", value=OWNER)),
    allowed("anybody lists the public avatars", NOBODY, Query(field="isPublic", value=True)),
    refused("nobody lists the private avatars", NOBODY, Query(field="isPublic", value=False)),
)  # fmt: skip

CREATING = (
    allowed("an owner creates an avatar with inputs", OWNER, Create(fields=FRESH), None),
    allowed(
        "an owner creates an avatar without training", OWNER,
        Create(fields={"userId": OWNER, "updatedAt": 1}), None,
    ),
    refused("a stranger creates no avatar for an owner", STRANGER, Create(fields=FRESH), None),
    refused("nobody creates an avatar without a sign-in", NOBODY, Create(fields=FRESH), None),
    refused(
        "an avatar without userId is not created", OWNER, Create(fields={"updatedAt": 1}), None
    ),
    refused(
        "an avatar whose userId is a list is not created", OWNER,
        Create(fields={**FRESH, "userId": [OWNER]}), None,
    ),
    refused("an avatar is not created with outputs", OWNER, Create(fields=AVATAR), None),
    refused(
        "an avatar is not created with outputs that are null", OWNER,
        Create(fields={**FRESH, "livePortrait": None}), None,
    ),
    refused(
        "an avatar is not created with inputs out of range", OWNER,
        Create(fields={**FRESH, "training": {"livePortrait": {"drivingMultiplier": 2}}}), None,
    ),
    refused(
        "an avatar is not created without updatedAt", OWNER, Create(fields={"userId": OWNER}), None
    ),
    allowed("set creates where nothing stands", OWNER, Replace(fields=FRESH), None),
    allowed("a merge creates where nothing stands", OWNER, Merge(fields=FRESH), None),
)  # fmt: skip

SAVE = {"training.livePortrait": INPUTS, "updatedAt": 2}
OLDER = {**AVATAR["training"], "livePortrait": {**INPUTS, "idleVideoUrl": "https://old"}}

SAVING = (
    allowed("the details screen replaces the three keys", OWNER, Update(fields=SAVE)),
    allowed("the three leaves are saved one by one", OWNER, Update(fields={
        "training.livePortrait.drivingMultiplier": 0.5,
        "training.livePortrait.normalizeLip": False,
        "training.livePortrait.animationRegion": "lip",
        "updatedAt": 2,
    })),
    allowed("the whole model is merged", OWNER, Merge(fields={**FRESH, "updatedAt": 2})),
    allowed(
        "a stale model brings an old copy of the mirror", OWNER,
        Merge(fields={**FRESH, "training": OLDER, "updatedAt": 2}),
    ),
    allowed(
        "a model carries the outputs back as they stand", OWNER,
        Merge(fields={**AVATAR, "updatedAt": 2}),
    ),
    refused(
        "a model carries stale outputs back", OWNER,
        Merge(fields={**AVATAR, "livePortrait": {"state": "queued"}, "updatedAt": 2}),
    ),
    refused(
        "set without merge drops the outputs", OWNER, Replace(fields={**FRESH, "updatedAt": 2})
    ),
    refused("a stranger saves nothing", STRANGER, Update(fields=SAVE)),
    refused("nobody saves without a sign-in", NOBODY, Update(fields=SAVE)),
    refused("a stranger saves nothing on a public avatar", STRANGER, Update(fields=SAVE), PUBLIC),
    refused("a save does not make a document", OWNER, Update(fields=SAVE), {"updatedAt": 1}),
    allowed(
        "other fields are the app's own", OWNER,
        Update(fields={"nickname": ["any"], "dynamics.basic.status": "x", "isPublic": 7}),
    ),
    allowed(
        "other keys of training are the app's own", OWNER,
        Update(fields={"training.status": 7, "training.jobId": {"a": 1}}),
    ),
    allowed("an owner opts out", OWNER, Update(fields={"training.livePortrait": GONE})),
    allowed("an owner opts out by null", OWNER, Update(fields={"training.livePortrait": None})),
    allowed("an owner drops the training", OWNER, Update(fields={"training": None})),
    allowed("an owner removes the training", OWNER, Update(fields={"training": GONE})),
    refused(
        "an avatar is not given away", OWNER, Update(fields={"userId": STRANGER, "updatedAt": 2})
    ),
    refused("an avatar is not taken over", STRANGER, Update(fields={"userId": STRANGER})),
    refused("userId is not removed", OWNER, Update(fields={"userId": GONE})),
    refused("updatedAt is no double", OWNER, Update(fields={"updatedAt": 2.5})),
    refused("updatedAt is no text", OWNER, Update(fields={"updatedAt": "now"})),
    refused("updatedAt is not removed", OWNER, Update(fields={"updatedAt": GONE})),
)  # fmt: skip

FORGING = (
    *(
    refused(f"an owner does not {what}", OWNER, Update(fields=fields))
    for what, fields in (
        ("forge a state", {"livePortrait.state": "ready"} | {"livePortrait.progress": 1}),
        ("forge a video", {"livePortrait.idleVideoUrl": "https://evil"}),
        ("add to the outputs", {"livePortrait.mine": 1}),
        ("take from the outputs", {"livePortrait.progress": GONE}),
        ("replace the outputs", {"livePortrait": {}}),
        ("remove the outputs", {"livePortrait": GONE}),
    )),
    refused(
        "an owner does not write outputs where there are none", OWNER,
        Update(fields={"livePortrait.state": "ready"}), FRESH,
    ),
)  # fmt: skip

DELETING = (
    allowed("an owner deletes an avatar", OWNER, Delete()),
    refused("a stranger does not delete an avatar", STRANGER, Delete()),
    refused("a stranger does not delete a public avatar", STRANGER, Delete(), PUBLIC),
    refused("nobody deletes an avatar without a sign-in", NOBODY, Delete()),
)


GONE_AVATAR = "avatars/gone"
TOMBSTONE = f"{QUOTA}/deleted:gone"


def _deleted() -> Iterator[Row]:
    """The id of a deleted avatar is not used again: what is left below it is another's."""
    for name, action in (
        ("create", Create(fields=FRESH)),
        ("set", Replace(fields=FRESH)),
        ("merge", Merge(fields=FRESH)),
    ):
        row = refused(f"{name} makes no deleted avatar anew", OWNER, action, None)
        yield replace(row, path=GONE_AVATAR, beside=TOMBSTONE)
        row = allowed(f"{name} by the server makes it anew", SERVER, action, None)
        yield replace(row, path=GONE_AVATAR, beside=TOMBSTONE)
    row = allowed("what the server made anew is saved", OWNER, Update(fields=SAVE))
    yield replace(row, path=GONE_AVATAR, beside=TOMBSTONE)
    row = allowed("what the server made anew is deleted", OWNER, Delete())
    yield replace(row, path=GONE_AVATAR, beside=TOMBSTONE)
    row = refused("a tombstone is not for clients", OWNER, Read())
    yield replace(row, path=TOMBSTONE)
    row = refused("nobody removes a tombstone", OWNER, Delete())
    yield replace(row, path=TOMBSTONE)


def _private() -> Iterator[Row]:
    """Everything that only the server reads and writes."""
    for path in (
        f"{IDLE_LEDGERS}/{OWNER}",
        f"{IDLE_LEDGERS}/{OWNER}/parts/1",
        f"{TALK_LEDGERS}/{OWNER}:hello",
        f"{QUOTA}/owner:{OWNER}",
        f"{CHECKPOINTS}/marks",
        f"{CHECKPOINTS}/marks/shards/0",
        "avatars/a/private/1",
        "users/alice",
    ):
        fields = {"userId": OWNER, "updatedAt": 1, "isPublic": True}
        for action in (
            Read(),
            Query(field="userId", value=OWNER),
            Replace(fields=fields),
            Delete(),
        ):
            yield Row(
                sentence=f"{type(action).__name__.lower()} of {path} is not for clients",
                who=OWNER,
                action=action,
                allowed=False,
                stands=fields,
                path=path,
            )
        yield Row(
            sentence=f"the server writes {path}", who=SERVER, action=Replace(fields=fields),
            allowed=True, path=path,
        )  # fmt: skip


ROWS: tuple[Row, ...] = (
    *FORGING,
    *READING,
    *CREATING,
    *SAVING,
    *DELETING,
    *VALUES,
    *SIZES,
    *TALKS,
    *_deleted(),
    *_private(),
)
