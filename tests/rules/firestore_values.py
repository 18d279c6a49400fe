"""Which values an owner may write, one sentence a row: contract.md, section 2."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from liveportrait_core.edit import SLIDERS
from tests.rules.avatars import AVATAR, INPUTS, OWNER, Row, allowed, avatar, refused, with_inputs
from tests.rules.firestore import GONE, Update

NAN, INFINITE = float("nan"), float("inf")
NO_MAPS: tuple[Any, ...] = ([], [INPUTS], "text", 7, True)
NO_BOOLS: tuple[Any, ...] = ("yes", 1, 0.0, [], {})
NO_TEXTS: tuple[Any, ...] = (7, True, [], {}, NAN)
NO_NUMBERS: tuple[Any, ...] = ("0.4", True, [], {}, NAN, INFINITE, -INFINITE)
NUMBERS = {  # accepted, refused
    "drivingMultiplier": ((0, 1, 0.0, 1.0, 0.41000000000000003), (-0.01, 1.01, 2, 1e308)),
    "driving_multiplier": ((0.4,), (-0.01, 1.01)),
    "scale": ((1, 1.0, 2.3, 3.2), (0.99, 3.21)),
    "sourceMaxDim": ((512, 1600, 2048, 512.0, 1600.0, 2048.0), (511, 2049, 511.0, 2049.0, 1024.5)),
    "source_max_dim": ((512, 2048, 1024.0), (511, 2049, 1024.5)),
}
REGIONS = ("all", "exp", "pose", "lip", "eyes", " Lip ", "EYES")
POINTS = [{"x": 0.1 * i, "y": 0.5} for i in range(9)]
MOMENT = datetime(2026, 9, 21, 15, 6, 40, tzinfo=UTC)
NONCES: tuple[Any, ...] = ("again", "", "n" * 64, 7, -1, 7.0, -0.0, 1.79e12, 2.0**53 - 1, MOMENT)
NO_NONCES: tuple[Any, ...] = ("n" * 65, True, 1.5, 2.0**53, -1e300, NAN, INFINITE, [], {})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _inputs() -> Iterator[Row]:
    """Every input key with what it accepts and what it refuses."""
    for key, (good, bad) in NUMBERS.items():
        yield from _values(f"training.livePortrait.{key}", good, (*bad, *NO_NUMBERS))
    for key in ("normalizeLip", "normalize_lip", "flagNormalizeLip", "pasteback", "flagPasteback"):
        yield from _values(f"training.livePortrait.{key}", (True, False), NO_BOOLS)
    for key in ("animationRegion", "animation_region"):
        wrong: tuple[Any, ...] = ("mouth", "", "al l", 1, True, [], ["all"], {})
        yield from _values(f"training.livePortrait.{key}", REGIONS, wrong)
    every = ({_camel(name): slider.high} for name, slider in SLIDERS.items())
    edits: tuple[Any, ...] = ({}, {"smile": 0.6, "winkRight": 5}, {"gazeX": None}, *every)
    yield from _values("training.livePortrait.edit", edits, (*NO_MAPS, {"smyle": 1}, {"a": {}}))
    yield from _values(
        "training.livePortrait.species", ("human", "animal", " Animal "), ("cat", "", 7, [], {})
    )
    places: tuple[Any, ...] = ("cropped", POINTS[:3], POINTS)
    for key in ("facePoints", "face_points"):
        nowhere: tuple[Any, ...] = ("xpose", "", 7, [], POINTS[:2], POINTS[:4], {}, POINTS[0])
        yield from _values(f"training.livePortrait.{key}", places, nowhere)
    for key in ("renderNonce", "render_nonce"):
        yield from _values(f"training.livePortrait.{key}", NONCES, NO_NONCES)
    mirror = ("", "https://new", "https://foreign")
    yield from _values("training.livePortrait.idleVideoUrl", mirror, NO_TEXTS)
    yield from _values("training.livePortrait", ({},), NO_MAPS)
    yield from _values("training.heroVideoUrl", ("", "gs://b/x"), NO_TEXTS)
    yield from _values("training.dynamicsEnabled", (True, False), NO_BOOLS)
    yield from _values("training", ({},), NO_MAPS)
    yield from _values("avatarImageUrl", ("", "gs://b/x"), NO_TEXTS)


def _values(path: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> Iterator[Row]:
    for value in (*good, None, GONE):
        said = "no value at all" if value is GONE else _shown(value)
        yield allowed(f"{path} may be {said}", OWNER, Update(fields={path: value, "updatedAt": 2}))
    for value in bad:
        said = _shown(value)
        yield refused(f"{path} is not {said}", OWNER, Update(fields={path: value, "updatedAt": 2}))


def _shown(value: object) -> str:
    if isinstance(value, list) and len(value) > 1:
        return f"a list of {len(value)}"
    return repr(value)[:30]


def _old_values() -> Iterator[Row]:
    """What stood before these rules may stay, and leaves when it is touched."""
    rename = Update(fields={"nickname": "Hopper", "updatedAt": 2})
    olds: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("a multiplier out of range", with_inputs({"drivingMultiplier": 1.7})),
        ("inputs that are a list", with_inputs([INPUTS])),
        ("a region unknown", with_inputs({"animationRegion": "mouth"})),
        ("a training that is text", avatar(training="text")),
        ("a picture that is a number", avatar(avatarImageUrl=7)),
    )
    for what, stands in olds:
        yield allowed(f"{what} does not hinder another change", OWNER, rename, stands)
        save = Update(fields={"training": AVATAR["training"], "avatarImageUrl": "gs://b/x"})
        yield allowed(f"{what} is mended by a save", OWNER, save, stands)
    old = with_inputs({"drivingMultiplier": 1.7, "normalizeLip": "yes"})
    yield allowed(
        "one of two bad values is mended",
        OWNER,
        Update(fields={"training.livePortrait.drivingMultiplier": 0.4}),
        old,
    )
    yield refused(
        "a bad value is not followed by a worse", OWNER,
        Update(fields={"training.livePortrait.drivingMultiplier": 1.8}), old,
    )  # fmt: skip


def _animals() -> Iterator[Row]:
    """An animal may move twice as much as a person."""
    for species, most in (("animal", 2), ("human", 1)):
        inputs = {**INPUTS, "species": species, "drivingMultiplier": most}
        save = Update(fields={"training.livePortrait": inputs, "updatedAt": 2})
        yield allowed(f"a multiplier of {most} for the species {species}", OWNER, save)
        more = {**inputs, "drivingMultiplier": most + 0.01}
        yield refused(
            f"no multiplier above {most} for the species {species}", OWNER,
            Update(fields={"training.livePortrait": more, "updatedAt": 2}),
        )  # fmt: skip


VALUES: tuple[Row, ...] = (*_inputs(), *_animals(), *_old_values())
