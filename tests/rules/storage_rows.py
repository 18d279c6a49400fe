"""Who may do what to Storage, one sentence a row. Knows neither the rules nor who judges them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.rules.avatars import NOBODY, OWNER, STRANGER
from tests.rules.storage import (
    Deed,
    Describe,
    Documents,
    Fetch,
    ListFolder,
    Remove,
    Stands,
    Upload,
    owned_by,
)


def _of(owner: str | None, public: object = False) -> dict[str, object]:
    return {"userId": owner, "isPublic": public}


PRIVATE: Documents = {"avatars/a": _of(OWNER), "avatars/b": _of(STRANGER)}
PUBLIC: Documents = {"avatars/a": _of(OWNER, public=True)}
PICTURE = Upload(content_type="image/jpeg")
RETYPED = Describe(content_type="image/webp")
CLIP = Upload(content_type="video/mp4")
FOLDER = "avatars/a/livePortrait"
HERO = "avatars/a/hero.jpg"
VIDEO = "avatars/a/livePortrait/0123456789abcdef/idle.mp4"
MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sentence: who tries what on which object, and whether it is allowed."""

    sentence: str
    who: str | None
    deed: Deed
    path: str
    allowed: bool
    stands: Stands  # custom metadata of the object that is there; None: there is none
    documents: Documents


def _allowed(
    sentence: str, who: str | None, deed: Deed, path: str, documents: Documents = PRIVATE
) -> Row:
    return Row(
        sentence=sentence,
        who=who,
        deed=deed,
        path=path,
        allowed=True,
        stands=None if isinstance(deed, Upload | ListFolder) else owned_by(OWNER),
        documents=documents,
    )


def _refused(
    sentence: str, who: str | None, deed: Deed, path: str, documents: Documents = PRIVATE
) -> Row:
    return replace(_allowed(sentence, who, deed, path, documents), allowed=False)


def _over(row: Row) -> Row:
    """The same where an object of the owner stands already."""
    return replace(row, sentence=f"{row.sentence}, over one that stands", stands=owned_by(OWNER))


def _left_by(row: Row, uid: str | None) -> Row:
    """The same where the object that stands is another's, or does not say whose it is."""
    whose = "nobody's" if uid is None else "another's"
    return replace(row, sentence=f"{row.sentence}, {whose}", stands=owned_by(uid))


def _sized(kind: str, megabytes: int, extra: int = 0) -> Upload:
    return Upload(content_type=kind, size_bytes=megabytes * MB + extra)


def _encoded(said: str | None) -> Upload:
    return Upload(content_type="image/jpeg", more={"contentEncoding": said})


def _saying(says: dict[str, str]) -> Upload:
    return Upload(content_type="image/jpeg", metadata=says)


UPLOADS = (
    _allowed("an owner uploads a picture", OWNER, PICTURE, HERO),
    _allowed("an owner uploads a clip", OWNER, CLIP, "avatars/a/heroVideo.mp4"),
    _allowed("an owner uploads a picture anew", OWNER, PICTURE, "avatars/a/images/1/x.png"),
    _allowed("folders may be deep", OWNER, PICTURE, "avatars/a/b/c/d/e/f/hero.jpg"),
    _allowed("only the first folder counts", OWNER, PICTURE, "avatars/a/x/livePortrait/1.jpg"),
    _allowed("another spelling is another folder", OWNER, PICTURE, "avatars/a/LivePortrait/1.jpg"),
    _allowed("a name may have blanks and umlauts", OWNER, PICTURE, "avatars/a/Bild für mich.jpg"),
    _allowed("a name may have a percent sign", OWNER, PICTURE, "avatars/a/livePortrait%2F1.jpg"),
    _allowed("HEIC is a picture", OWNER, Upload(content_type="image/heic"), HERO),
    _allowed("HEIF is a picture", OWNER, Upload(content_type="image/heif"), HERO),
    _allowed("a MOV is a clip", OWNER, Upload(content_type="video/quicktime"), "avatars/a/v.mov"),
    _refused("a stranger uploads nothing", STRANGER, PICTURE, HERO),
    _refused("nobody uploads without a sign-in", NOBODY, PICTURE, HERO),
    _refused("a stranger uploads nothing to a public avatar", STRANGER, PICTURE, HERO, PUBLIC),
    _refused("an owner uploads nothing to another's avatar", OWNER, PICTURE, "avatars/b/hero.jpg"),
    _refused("the document comes before its uploads", OWNER, PICTURE, HERO, {}),
    _refused("an avatar without userId is nobody's", OWNER, PICTURE, HERO, {"avatars/a": {}}),
    _refused("a null userId is not nobody's", NOBODY, PICTURE, HERO, {"avatars/a": _of(None)}),
    _refused("there is no object in an avatar's place", OWNER, PICTURE, "avatars/a"),
    _refused("there is no object beside the avatars", OWNER, PICTURE, "hero.jpg"),
    _refused("another root is nobody's", OWNER, PICTURE, "Avatars/a/hero.jpg"),
    _refused("users' uploads are off", OWNER, PICTURE, f"users/{OWNER}/uploads/hero.jpg"),
)  # fmt: skip

PICTURES = (
    "image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif", "image/gif",
    "image/bmp", "image/tiff",
)  # fmt: skip
CLIPS = (
    "video/mp4", "video/quicktime", "video/x-m4v", "video/3gpp", "video/webm", "video/x-matroska",
    "video/x-msvideo",
)  # fmt: skip
SOUNDS = (
    "audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/ogg",
    "audio/opus", "audio/webm", "audio/flac",
)  # fmt: skip
KINDS = (
    *(
        row
        for kinds, megabytes in ((PICTURES, 50), (CLIPS, 200), (SOUNDS, 50))
        for kind in kinds
        for row in (
            _allowed(f"{megabytes} MB of {kind}", OWNER, _sized(kind, megabytes), HERO),
            _refused(f"no more of {kind}", OWNER, _sized(kind, megabytes, 1), HERO),
        )
    ),
    *(
        _refused(f"{kind!r} is no picture, clip or sound", OWNER, Upload(content_type=kind), HERO)
        for kind in (
            "application/octet-stream", "text/html", "image", "image/", "ximage/png", "audio/",
            "application/x-image/png", "video/", "image/svg+xml", "image/x, text/html", "image/x",
            "image/jpeg, text/html", "image/jpeg; x=y", "IMAGE/JPEG", "image/vnd.adobe.photoshop",
            "video/mp4, text/html", "video/x", "",
        )
    ),
    _allowed("a type may be corrected", OWNER, RETYPED, HERO),
    _refused("a type may not be disguised", OWNER, Describe(content_type="text/html"), HERO),
)  # fmt: skip

# An id may have had another owner before, whose objects are left: an event was lost, or came late.
OWNERS = (
    *(
        _refused(f"an upload that says {says} is not stored", OWNER, _saying(says), HERO)
        for says in ({}, {"ownerUid": STRANGER}, {"ownerUid": ""}, {"owneruid": OWNER})
    ),
    _allowed(
        "an upload may say more", OWNER, _saying({"ownerUid": OWNER, "title": "me"}), HERO
    ),
    *(
        _left_by(row, uid)
        for uid in (STRANGER, None)
        for row in (
            _refused("an owner reads no input that was left", OWNER, Fetch(), HERO),
            _refused("an owner replaces no input that was left", OWNER, PICTURE, HERO),
            _refused("an owner does not describe what was left", OWNER, RETYPED, HERO),
            _refused(
                "an owner does not claim what was left", OWNER,
                Describe(content_type="image/webp", metadata=owned_by(OWNER)), HERO,
            ),
            _allowed("an owner deletes what was left", OWNER, Remove(), HERO),
        )
    ),
    _refused(
        "an owner gives no input away", OWNER,
        Describe(content_type="image/webp", metadata=owned_by(STRANGER)), HERO,
    ),
    _refused("who uploaded an input to another's avatar reads it not", OWNER, Fetch(),
             "avatars/b/hero.jpg"),
    _left_by(_allowed("outputs say no owner and are read", OWNER, Fetch(), VIDEO), None),
)  # fmt: skip

ENCODINGS = (
    *(
        _allowed(f"an encoding of {said!r} is none", OWNER, _encoded(said), HERO)
        for said in (None, "", "identity")
    ),
    *(
        _refused(f"no upload is compressed by {said!r}", OWNER, _encoded(said), HERO)
        for said in ("gzip", "GZIP", "br", "identity, gzip", " ")
    ),
    _over(_refused("no compressed upload replaces a picture", OWNER, _encoded("gzip"), HERO)),
    _refused(
        "a picture is not called compressed afterwards",
        OWNER,
        Describe(content_type="image/jpeg", more={"contentEncoding": "gzip"}),
        HERO,
    ),
)

OUTPUTS = tuple(
    row
    for path in (VIDEO, "avatars/a/livePortrait/hero.jpg", "avatars/a/livePortrait")
    for row in (
        _refused(f"an owner does not write {path}", OWNER, PICTURE, path),
        _over(_refused(f"an owner does not write {path}", OWNER, CLIP, path)),
        _refused(f"an owner does not describe {path}", OWNER, RETYPED, path),
        _refused(f"an owner does not delete {path}", OWNER, Remove(), path),
    )
)  # fmt: skip

READING = (
    _allowed("an owner reads an input", OWNER, Fetch(), HERO),
    _allowed("an owner reads a video", OWNER, Fetch(), VIDEO),
    _allowed("an owner lists an avatar's folder", OWNER, ListFolder(), "avatars/a"),
    _allowed("an owner lists the videos", OWNER, ListFolder(), FOLDER),
    _refused("a stranger reads no input", STRANGER, Fetch(), HERO),
    _refused("a stranger reads no video", STRANGER, Fetch(), VIDEO),
    _refused("nobody reads a video without a sign-in", NOBODY, Fetch(), VIDEO),
    _refused("a stranger lists nothing", STRANGER, ListFolder(), "avatars/a"),
    _allowed("a stranger reads a public avatar's video", STRANGER, Fetch(), VIDEO, PUBLIC),
    _allowed("anybody reads a public avatar's video", NOBODY, Fetch(), VIDEO, PUBLIC),
    _refused("a public avatar's inputs stay its owner's", STRANGER, Fetch(), HERO, PUBLIC),
    _refused("a public avatar's videos are not listed", NOBODY, ListFolder(), FOLDER, PUBLIC),
    _refused("isPublic as text is not public", NOBODY, Fetch(), VIDEO, {"avatars/a": _of("", "x")}),
    _refused("another's avatar is not read", OWNER, Fetch(), "avatars/b/livePortrait/1/idle.mp4"),
    _refused("the avatars are not listed", OWNER, ListFolder(), "avatars"),
)  # fmt: skip

DELETING = (
    _allowed("an owner deletes an input", OWNER, Remove(), HERO),
    _refused("a stranger deletes nothing", STRANGER, Remove(), HERO),
    _refused("nobody deletes without a sign-in", NOBODY, Remove(), HERO),
    _refused("a stranger deletes nothing of a public avatar", STRANGER, Remove(), HERO, PUBLIC),
)


def _caches() -> Iterator[Row]:
    path = "livePortraitCache/avatars/a/0123"
    for what, deed in (
        ("reads", Fetch()),
        ("lists", ListFolder()),
        ("writes", PICTURE),
        ("deletes", Remove()),
    ):
        yield _refused(f"an owner {what} no cache", OWNER, deed, path)
        yield _refused(f"nobody {what} a public avatar's cache", NOBODY, deed, path, PUBLIC)
        made = "livePortraitGenerations/0123/idle.mp4"
        yield _refused(f"an owner {what} no file of the HTTP API", OWNER, deed, made)


ROWS: tuple[Row, ...] = (
    *UPLOADS,
    _over(UPLOADS[0]),
    _over(_refused("a stranger replaces nothing", STRANGER, PICTURE, HERO)),
    _over(_refused("no text replaces a picture", OWNER, Upload(content_type="text/plain"), HERO)),
    *KINDS,
    *OWNERS,
    *ENCODINGS,
    *OUTPUTS,
    *READING,
    *DELETING,
    *_caches(),
)  # fmt: skip
