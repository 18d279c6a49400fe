"""What a document asks for: the table of contract.md, section 2, and the fingerprint."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.document import Snapshot, State
from functions.domain.field_values import Opaque
from functions.domain.fingerprint import fingerprint
from functions.domain.parameters import Parameters
from functions.domain.request import NotOptedIn, Reader, Refusal, RenderRequest
from functions.domain.storage_paths import StoredObject
from functions.errors import Code
from functions.settings import full_engine_version
from liveportrait_core import AnimationRegion, FacePlace, Species
from tests.functions.domain.test_document import WIRE_VALUES
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, BUCKET, IMAGE, POLICY, UNSET, VIDEO, document

READER = Reader(policy=POLICY)


def read(**changes: Any) -> object:
    return READER.read(about(AVATAR), Snapshot(fields=document(**changes)))


def request(**inputs: object) -> RenderRequest:
    ask = read(training__livePortrait={"renderNonce": None, **inputs})
    assert isinstance(ask, RenderRequest)
    return ask


def refused(inputs: Mapping[str, object]) -> Refusal:
    ask = read(training__livePortrait=dict(inputs))
    assert isinstance(ask, Refusal)
    return ask


def test_absent_and_null_are_the_defaults() -> None:
    null = dict.fromkeys(
        [
            "drivingMultiplier",
            "normalizeLip",
            "animationRegion",
            "pasteback",
            "scale",
            "sourceMaxDim",
        ]
    )
    assert request().parameters == request(**null).parameters == Parameters()
    assert Parameters().options(10.0).driving_multiplier == 0.40
    assert request(mood="calm", idleVideoUrl="x") == request()


@pytest.mark.parametrize(
    ("key", "value", "name", "expected", "clamped"),
    [
        ("drivingMultiplier", 0, "driving_multiplier", 0, False),
        ("drivingMultiplier", 1, "driving_multiplier", 100, False),
        ("drivingMultiplier", 0.41000000000000003, "driving_multiplier", 41, False),
        ("drivingMultiplier", 1.0000000000000002, "driving_multiplier", 100, False),
        ("drivingMultiplier", 1.7, "driving_multiplier", 100, True),
        ("drivingMultiplier", -0.2, "driving_multiplier", 0, True),
        ("drivingMultiplier", 1e308, "driving_multiplier", 100, True),
        ("drivingMultiplier", -(2**63), "driving_multiplier", 0, True),
        ("driving_multiplier", 0.6, "driving_multiplier", 60, False),
        ("normalizeLip", False, "normalize_lip", False, False),
        ("normalize_lip", False, "normalize_lip", False, False),
        ("flagNormalizeLip", False, "normalize_lip", False, False),
        ("animationRegion", " EYES ", "animation_region", AnimationRegion.EYES, False),
        ("animation_region", "lip", "animation_region", AnimationRegion.LIP, False),
        ("pasteback", False, "pasteback", False, False),
        ("flagPasteback", False, "pasteback", False, False),
        ("scale", 1, "scale", 100, False),
        ("scale", 9.5, "scale", 320, True),
        ("sourceMaxDim", 512, "source_max_dim", 512, False),
        ("source_max_dim", 99999, "source_max_dim", 2048, True),
        ("sourceMaxDim", 1, "source_max_dim", 512, True),
        ("sourceMaxDim", 1600.0, "source_max_dim", 1600, False),  # Dart, on a phone
        ("source_max_dim", 512.0, "source_max_dim", 512, False),
        ("sourceMaxDim", 4096.0, "source_max_dim", 2048, True),
        ("sourceMaxDim", -0.0, "source_max_dim", 512, True),
        ("sourceMaxDim", 1e308, "source_max_dim", 2048, True),
    ],
)
def test_accepted_values(
    key: str, value: object, name: str, expected: object, clamped: bool
) -> None:
    ask = request(**{key: value})
    assert getattr(ask.parameters, name) == expected
    assert ask.warnings == (("PARAM_CLAMPED",) if clamped else ())


@pytest.mark.parametrize(
    "clamped", [{"drivingMultiplier": 1.7}, {"scale": 0.5}, {"sourceMaxDim": 99999}]
)
def test_one_clamped_number_among_others_is_told(clamped: dict[str, object]) -> None:
    in_range = {"drivingMultiplier": 0.4, "scale": 2.3, "sourceMaxDim": 1600}
    assert request(**in_range).warnings == ()
    assert request(**(in_range | clamped)).warnings == ("PARAM_CLAMPED",)


def test_the_camel_case_name_wins_also_when_null() -> None:
    both = request(drivingMultiplier=0.3, driving_multiplier=0.6)
    assert both.parameters.driving_multiplier == 30
    assert request(normalizeLip=None, flagNormalizeLip=False).parameters.normalize_lip is True


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("drivingMultiplier", "0.4"),
        ("drivingMultiplier", math.nan),
        ("drivingMultiplier", math.inf),
        ("drivingMultiplier", True),
        ("drivingMultiplier", {}),
        ("driving_multiplier", "0.4"),
        ("normalizeLip", "yes"),
        ("flagNormalizeLip", 1),
        ("animationRegion", "mouth"),
        ("animationRegion", 3),
        ("pasteback", 0),
        ("scale", "2.3"),
        ("sourceMaxDim", 1600.5),
        ("sourceMaxDim", math.nan),
        ("sourceMaxDim", math.inf),
        ("sourceMaxDim", "1600"),
        ("sourceMaxDim", True),
        ("sourceMaxDim", Opaque(kind="timestamp", text="1600.000000")),
        ("renderNonce", True),
        ("renderNonce", 1.5),
        ("renderNonce", math.nan),
        ("renderNonce", -math.inf),
        ("renderNonce", 2.0**53),  # also what 2**53 + 1 becomes
        ("renderNonce", Opaque(kind="reference", text="projects/p/databases/d/documents/a/b")),
        ("renderNonce", "n" * 65),
        ("renderNonce", ["n"]),
    ],
)
def test_other_values_are_refused_naming_the_field_as_stored(key: str, value: object) -> None:
    refusal = refused({key: value})
    assert (refusal.state, refusal.code) == (State.FAILED, Code.INVALID_PARAMS)
    assert refusal.field == f"training.livePortrait.{key}"
    assert key in refusal.reason
    assert "accepted" in refusal.reason


def test_order_of_reading() -> None:
    everything_wrong = {
        "avatarImageUrl": None,
        "training__heroVideoUrl": "https://evil.example/x.mp4",
        "training__livePortrait__drivingMultiplier": "x",
    }
    disabled = read(**everything_wrong, training__dynamicsEnabled=False)
    assert disabled == Refusal(state=State.DISABLED)
    blocked = read(**everything_wrong)
    assert isinstance(blocked, Refusal)
    assert (blocked.state, blocked.code) == (State.BLOCKED, Code.MISSING_HERO_IMAGE)
    both = read(avatarImageUrl="", training__heroVideoUrl=UNSET)
    assert isinstance(both, Refusal)
    assert both.code is Code.MISSING_HERO_IMAGE
    invalid = read(**{**everything_wrong, "avatarImageUrl": "https://evil.example/x.jpg"})
    assert isinstance(invalid, Refusal)
    assert invalid.code is Code.INVALID_PARAMS
    foreign = read(avatarImageUrl=7, training__heroVideoUrl="https://evil.example/x.mp4")
    assert isinstance(foreign, Refusal)
    assert (foreign.code, foreign.field) == (Code.URL_NOT_ALLOWED, "avatarImageUrl")


def test_what_is_said_of_a_refused_url_holds_no_token() -> None:
    url = "https://firebasestorage.googleapis.com/v0/b/another/o/a.jpg?alt=media&token=secret"
    foreign = read(avatarImageUrl=url)
    assert isinstance(foreign, Refusal)
    assert "/v0/b/another/o/a.jpg'" in foreign.reason
    assert "secret" not in foreign.reason


@pytest.mark.parametrize("value", ["no", 0, [], {}])
def test_a_switch_that_is_no_switch_is_refused(value: object) -> None:
    refusal = read(training__dynamicsEnabled=value)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.field) == (Code.INVALID_PARAMS, "training.dynamicsEnabled")


def test_the_switch_defaults_to_on() -> None:
    assert isinstance(read(training__dynamicsEnabled=None), RenderRequest)
    assert isinstance(read(), RenderRequest)


def test_no_inputs_ask_for_nothing() -> None:
    assert read(training__livePortrait=UNSET) == NotOptedIn()
    assert read(training="x") == NotOptedIn()


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "drivingMultiplier",
                "scale",
                "normalizeLip",
                "animationRegion",
                "sourceMaxDim",
                "edit",
                "species",
                "facePoints",
                "renderNonce",
            ]
        ),
        WIRE_VALUES,
    ),
    WIRE_VALUES,
    WIRE_VALUES,
)
def test_reading_never_crashes(inputs: dict[str, object], image: object, enabled: object) -> None:
    ask = read(
        avatarImageUrl=image, training__dynamicsEnabled=enabled, training__livePortrait=inputs
    )
    assert isinstance(ask, RenderRequest | Refusal | NotOptedIn)
    if isinstance(ask, Refusal) and ask.state is not State.DISABLED:
        assert ask.field


def test_an_edit_of_the_face_is_read_clamped_and_named() -> None:
    plain = request()
    edited = request(edit={"smile": 0.6, "winkLeft": 99, "yaw": None, "pitch": -8})
    assert edited.parameters.edit == "pitch=-8.0,smile=0.6,wink_left=39.0"
    assert edited.warnings == ("PARAM_CLAMPED",)
    assert edited.parameters.options(10.0).edit.smile == 0.6
    assert name_of(edited) != name_of(plain)
    for rest in (None, {}, {"smile": 0}, {"z": 1.0}, {"smile": 1e-9}):
        assert name_of(request(edit=rest)) == name_of(plain)
    assert name_of(request(edit={"smile": 0.6})) == name_of(request(edit={"smile": 0.60000001}))


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ("smile", ""), ([], ""), (0.6, ""), ({"smyle": 0.6}, ".smyle"),
        ({"wink_left": 1}, ".wink_left"),
        ({"smile": "0.6"}, ".smile"), ({"smile": True}, ".smile"), ({"smile": math.nan}, ".smile"),
        ({"smile": math.inf}, ".smile"), ({"smile": {}}, ".smile"), ({"": 1}, "."),
    ],
)  # fmt: skip
def test_an_edit_that_is_none_is_refused_by_its_slider(edit: object, field: str) -> None:
    refusal = refused({"edit": edit})
    assert refusal.code is Code.INVALID_PARAMS
    assert refusal.field == f"training.livePortrait.edit{field}"
    assert "accepted: " in refusal.reason


TAPS = [{"x": 0.41, "y": 0.38}, {"x": 0.6, "y": 0.37}, {"x": 0.5, "y": 0.62}]


def test_an_animal_has_a_face_that_is_pointed_out() -> None:
    animal = request(species=" Animal ", facePoints=TAPS, drivingMultiplier=1.75)
    assert animal.warnings == ()
    assert animal.parameters.face_points == "0.41,0.38 0.6,0.37 0.5,0.62"
    options = animal.parameters.options(10.0)
    assert options.species is Species.ANIMAL
    assert options.driving_multiplier == 1.75
    assert not options.paste_back, "an animal's crop is not put back unless that is asked for"
    assert request(species="animal", pasteback=True).parameters.pasteback
    assert request(species="animal", drivingMultiplier=3).parameters.driving_multiplier == 200
    cropped = request(species="animal", face_points="cropped").parameters.options(10.0)
    assert cropped.face_points is FacePlace.CROPPED
    aside = request(species="animal", facePoints=[*TAPS[:2], {"x": 0.5, "y": 1.2}])
    assert aside.parameters.face_points.endswith("0.5,1")
    assert aside.warnings == ("PARAM_CLAMPED",)


def test_species_and_points_count_where_they_say_something() -> None:
    plain = name_of(request())
    for human in ("human", "Human", None):
        assert name_of(request(species=human, facePoints="whatever")) == plain
    animal = name_of(request(species="animal", pasteback=True))
    pointed = name_of(request(species="animal", pasteback=True, facePoints=TAPS))
    nudged = [{"x": 0.41000001, "y": 0.38}, *TAPS[1:]]
    assert len({plain, animal, pointed}) == 3
    assert name_of(request(species="animal", pasteback=True, facePoints=nudged)) == pointed


@pytest.mark.parametrize(
    ("inputs", "code", "field"),
    [
        ({"species": "cat"}, Code.INVALID_PARAMS, "species"),
        ({"species": 7}, Code.INVALID_PARAMS, "species"),
        ({"facePoints": "here"}, Code.INVALID_PARAMS, "facePoints"),
        ({"facePoints": TAPS[:2]}, Code.INVALID_PARAMS, "facePoints"),
        ({"facePoints": [0.4, 0.5, 0.6]}, Code.INVALID_PARAMS, "facePoints"),
        ({"facePoints": [TAPS[0]] * 3}, Code.INVALID_PARAMS, "facePoints"),
        ({"facePoints": [*TAPS[:2], {"x": 0.5}]}, Code.INVALID_PARAMS, "facePoints.y"),
        ({"facePoints": [*TAPS[:2], {"x": math.nan, "y": 0}]}, Code.INVALID_PARAMS, "facePoints.x"),
        ({"facePoints": "cropped", "pasteback": True}, Code.INVALID_PARAMS, "facePoints"),
        ({"face_points": "XPose"}, Code.METHOD_NOT_INSTALLED, "face_points"),
    ],
)
def test_what_is_no_animal_or_no_place_is_refused(
    inputs: dict[str, object], code: Code, field: str
) -> None:
    refusal = refused({"species": "animal", **inputs})
    assert (refusal.code, refusal.field) == (code, f"training.livePortrait.{field}")
    assert "accepted: " in refusal.reason


@given(st.floats(0, 1))
def test_quantising_is_stable_and_near(value: float) -> None:
    hundredths = request(drivingMultiplier=value).parameters.driving_multiplier
    assert 0 <= hundredths <= 100
    assert abs(hundredths / 100 - value) <= 0.005 + 1e-12
    again = request(drivingMultiplier=hundredths / 100).parameters.driving_multiplier
    assert again == hundredths


# --- the fingerprint


def stored(path: str, generation: int) -> StoredObject:
    return StoredObject(path=path, generation=generation, size_bytes=1)


def name_of(ask: RenderRequest, *, image: int | None = 1, video: int | None = 2) -> str:
    return fingerprint(
        ask,
        engine_version="mesh-1-01234567",
        image=None if image is None else stored(ask.image_path, image),
        video=None if video is None else stored(str(ask.video_path), video),
    )


def test_the_urls_form_does_not_matter_the_object_does() -> None:
    quoted = IMAGE.replace("/", "%2F")
    names = {
        name_of(ask)
        for url in (
            f"gs://{BUCKET}/{IMAGE}",
            f"https://firebasestorage.googleapis.com/v0/b/{BUCKET}/o/{quoted}?alt=media&token=a",
            f"https://firebasestorage.googleapis.com/v0/b/{BUCKET}/o/{quoted}?alt=media&token=b&v=3",
            f"https://storage.googleapis.com/{BUCKET}/{IMAGE}?X-Goog-Signature=0123",
        )
        if isinstance(ask := read(avatarImageUrl=url), RenderRequest)
    }
    assert len(names) == 1
    assert len(names.pop()) == 16


@given(
    st.integers(0, 100), st.booleans(), st.sampled_from(list(AnimationRegion)), st.integers(1, 9)
)
def test_everything_that_changes_pixels_changes_the_name(
    multiplier: int, normalize: bool, region: AnimationRegion, generation: int
) -> None:
    ask = request()
    other = replace(
        ask,
        parameters=replace(
            ask.parameters,
            driving_multiplier=multiplier,
            normalize_lip=normalize,
            animation_region=region,
        ),
    )
    same = (other, generation) == (ask, 1)
    assert (name_of(ask) == name_of(other, image=generation)) is same


def test_nonce_and_missing_objects_are_part_of_the_name() -> None:
    names = {name_of(request(renderNonce=nonce)) for nonce in (None, "", "5", 5, "6")}
    names |= {name_of(request(), image=None), name_of(request(), video=None)}
    assert len(names) == 7


@pytest.mark.parametrize("nonce", [7, 0, -1, 1_790_000_000_000, 2**53 - 1, 1 - 2**53])
def test_a_whole_double_is_the_nonce_that_its_integer_is(nonce: int) -> None:
    one, other = request(renderNonce=nonce), request(renderNonce=float(nonce))
    assert one.same_render(other)
    assert name_of(one) == name_of(other)


def test_a_timestamp_is_a_nonce_and_another_one_is_another() -> None:
    moments = [Opaque(kind="timestamp", text=f"179000000{n}.000000") for n in range(2)]
    asked = [request(renderNonce=nonce) for nonce in (*moments, moments[0].text, 1790000000)]
    assert len({name_of(one) for one in asked}) == 4
    assert not asked[0].same_render(asked[1])
    assert asked[0].same_render(request(renderNonce=moments[0]))


def test_the_same_render_is_asked_for_whatever_the_warnings() -> None:
    assert request(drivingMultiplier=1.7).same_render(request(drivingMultiplier=1))
    assert not request(renderNonce=1).same_render(request(renderNonce="1"))
    assert not request().same_render(NotOptedIn())


def test_settings_are_folded_into_the_engine_version() -> None:
    version = full_engine_version("mesh-3-01234567", max_seconds=10.0)
    assert version.startswith("mesh-3-")
    assert len(version) == len("mesh-3-01234567")
    assert version == full_engine_version("mesh-3-01234567", max_seconds=10.0)
    assert version != full_engine_version("mesh-3-01234567", max_seconds=9.0)
    assert version != full_engine_version("mesh-3-76543210", max_seconds=10.0)
    assert version == "mesh-3-e0c2976b", (
        "what was rendered before there was a bound on the rate stays"
    )
    bound = full_engine_version("mesh-3-01234567", max_seconds=10.0, peak_mbit_s=8.0)
    other = full_engine_version("mesh-3-01234567", max_seconds=10.0, peak_mbit_s=9.0)
    assert len({version, bound, other}) == 3


def test_the_video_path_is_read_too() -> None:
    assert request().video_path == VIDEO


HUGE: dict[str, object] = {
    "a text": "x" * 900_000,
    "a URL": f"gs://{BUCKET}/avatars/{AVATAR}/".ljust(900_000, "x"),
    "bytes": bytes(900_000),
    "a list": [None] * 100_000,
    "a list of texts": ["x" * 9_000] * 100,
    "a map": {f"key {number}": "x" * 40 for number in range(20_000)},
    "a deep map": {"a": {"b": {"c": [{"d": "x" * 900_000}]}}},
}


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE.keys())
@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("avatarImageUrl", Code.URL_NOT_ALLOWED),
        ("training__heroVideoUrl", Code.URL_NOT_ALLOWED),
        ("training__dynamicsEnabled", Code.INVALID_PARAMS),
        ("training__livePortrait__drivingMultiplier", Code.INVALID_PARAMS),
        ("training__livePortrait__normalizeLip", Code.INVALID_PARAMS),
        ("training__livePortrait__animationRegion", Code.INVALID_PARAMS),
        ("training__livePortrait__sourceMaxDim", Code.INVALID_PARAMS),
        ("training__livePortrait__renderNonce", Code.INVALID_PARAMS),
    ],
)
def test_a_huge_value_is_refused_in_a_short_sentence(place: str, code: Code, value: object) -> None:
    ask = read(**{place: value})
    assert isinstance(ask, Refusal)
    assert (ask.code, ask.field) == (code, place.replace("__", "."))
    assert len(ask.reason) < 500
