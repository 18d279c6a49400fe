"""The environment: defaults, and messages that name variable, value and what is accepted."""

from pathlib import Path

import pytest

from functions.errors import InvalidSetting
from functions.otel_settings import Exported
from functions.settings import Settings, from_environment
from functions.talk_settings import TalkMethods

BARE = {"LIVEPORTRAIT_BUCKET": "demo.appspot.com"}
EMULATED = {
    **BARE,
    "GOOGLE_CLOUD_PROJECT": "demo",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9199",
}


def test_defaults_are_the_contracts() -> None:
    settings = from_environment(BARE)
    assert settings == Settings(bucket="demo.appspot.com")
    assert (settings.engine, settings.collection, settings.weights) == (
        "liveportrait",
        "avatars",
        Path("weights"),
    )
    assert (settings.debounce_s, settings.lease_s, settings.deadline_s) == (3, 60, 480)
    assert (settings.max_seconds, settings.keep, settings.keep_hours) == (10, 3, 24)
    assert (settings.renders_per_day, settings.renders_per_owner_day) == (30, 100)
    assert settings.renders_per_day_total == 5_000
    assert (settings.mirror_dynamics, settings.accept_uploads) == (False, False)
    assert not settings.synthetic_idle
    assert settings.peak_mbit_s is None
    assert (settings.talk_methods.offered, settings.talk_methods.accepted) == (
        ("visemes",),
        frozenset(),
    )
    assert (settings.usd_per_hour, settings.exported.anything) == (None, False)
    assert (settings.emulated, settings.project) == (False, None)


def test_what_follows_the_lease() -> None:
    settings = Settings(bucket="b")
    assert (settings.heartbeat_s, settings.poll_s, settings.midway_s) == (15, 5, 30)
    assert settings.grace_s == 60
    assert [settings.back_off_s(attempts) for attempts in (1, 2)] == [10, 20]


def test_every_variable_is_read() -> None:
    settings = from_environment(
        {
            **EMULATED,
            "LIVEPORTRAIT_ENGINE": "auto",
            "LIVEPORTRAIT_DEVICE": "cpu",
            "LIVEPORTRAIT_COLLECTION": "faces",
            "LIVEPORTRAIT_WEIGHTS": "/models/live portrait",
            "LIVEPORTRAIT_DEBOUNCE_S": "0.25",
            "LIVEPORTRAIT_LEASE_S": "2",
            "LIVEPORTRAIT_DEADLINE_S": "30",
            "LIVEPORTRAIT_MAX_SECONDS": "2.5",
            "LIVEPORTRAIT_PEAK_MBIT_S": "8",
            "LIVEPORTRAIT_RENDERS_PER_DAY": "5",
            "LIVEPORTRAIT_RENDERS_PER_OWNER_DAY": "6",
            "LIVEPORTRAIT_RENDERS_PER_DAY_TOTAL": "7",
            "LIVEPORTRAIT_ACCEPTED_VERSIONS": "mesh-1-0123abcd,mesh-2-89abcdef",
            "LIVEPORTRAIT_TALK_METHODS": "gfpgan, visemes,wav2lip",
            "LIVEPORTRAIT_ACCEPTED_LICENCES": "wav2lip",
            "LIVEPORTRAIT_KEEP": "1",
            "LIVEPORTRAIT_KEEP_HOURS": "0",
            "LIVEPORTRAIT_KEEP_INPUTS": "on",
            "LIVEPORTRAIT_MIRROR_DYNAMICS": "on",
            "LIVEPORTRAIT_UPLOADS_PREFIX": "True",
            "LIVEPORTRAIT_PRICE_PER_HOUR_USD": "1.4",
            "OTEL_TRACES_EXPORTER": "otlp",
            "FIREBASE_STORAGE_EMULATOR_HOST": "localhost:9199",
            "LIVEPORTRAIT_STORAGE_PUBLIC_URL": "http://10.0.2.2:9199",
        }
    )
    assert settings == Settings(
        bucket="demo.appspot.com",
        engine="auto",
        device="cpu",
        collection="faces",
        weights=Path("/models/live portrait"),
        debounce_s=0.25,
        lease_s=2,
        deadline_s=30,
        max_seconds=2.5,
        peak_mbit_s=8,
        renders_per_day=5,
        renders_per_owner_day=6,
        renders_per_day_total=7,
        accepted_versions=frozenset({"mesh-1-0123abcd", "mesh-2-89abcdef"}),
        talk_methods=TalkMethods(
            offered=("wav2lip", "visemes", "gfpgan"), accepted=frozenset({"wav2lip"})
        ),
        keep=1,
        keep_hours=0,
        keep_inputs=True,
        mirror_dynamics=True,
        accept_uploads=True,
        usd_per_hour=1.4,
        exported=Exported(spans=True),
        project="demo",
        storage_emulator="localhost:9199",
        storage_public_url="http://10.0.2.2:9199",
    )
    assert from_environment(EMULATED).storage_emulator == "127.0.0.1:9199"


def test_a_synthetic_idle_is_the_mesh_engines() -> None:
    wanted = {**EMULATED, "LIVEPORTRAIT_SYNTHETIC_IDLE": "on"}
    assert from_environment({**wanted, "LIVEPORTRAIT_ENGINE": "mesh"}).synthetic_idle
    with pytest.raises(InvalidSetting, match="LIVEPORTRAIT_ENGINE is 'liveportrait'"):
        from_environment({**wanted, "LIVEPORTRAIT_ENGINE": "liveportrait"})


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("LIVEPORTRAIT_BUCKET", "", "bucket"),
        ("LIVEPORTRAIT_BUCKET", "gs://demo", "bucket"),
        ("LIVEPORTRAIT_ENGINE", "fast", "liveportrait, mesh, auto"),
        ("LIVEPORTRAIT_ENGINE", "", "liveportrait, mesh, auto"),
        ("LIVEPORTRAIT_DEVICE", "cuda:1", "auto, cpu, cpu-torch, cuda, cuda-plain"),
        ("LIVEPORTRAIT_COLLECTION", "a/b", "collection"),
        ("LIVEPORTRAIT_WEIGHTS", " ", "folder"),
        ("LIVEPORTRAIT_DEBOUNCE_S", "-1", "from 0 to 60"),
        ("LIVEPORTRAIT_DEBOUNCE_S", "three", "from 0 to 60"),
        ("LIVEPORTRAIT_LEASE_S", "nan", "from 0.5 to 600"),
        ("LIVEPORTRAIT_DEADLINE_S", "600", "from 1 to 590"),
        ("LIVEPORTRAIT_MAX_SECONDS", "inf", "from 0.5 to 60"),
        ("LIVEPORTRAIT_PEAK_MBIT_S", "0", "from 0.5 to 100"),
        ("LIVEPORTRAIT_PEAK_MBIT_S", "", "from 0.5 to 100"),
        ("LIVEPORTRAIT_PEAK_MBIT_S", "off", "from 0.5 to 100"),
        ("LIVEPORTRAIT_RENDERS_PER_DAY", "0", "from 1"),
        ("LIVEPORTRAIT_RENDERS_PER_OWNER_DAY", "1.5", "whole number"),
        ("LIVEPORTRAIT_ACCEPTED_VERSIONS", "", "all, none, or engine versions"),
        ("LIVEPORTRAIT_ACCEPTED_VERSIONS", "mesh-1", "all, none, or engine versions"),
        ("LIVEPORTRAIT_TALK_METHODS", "", "joyvasa, wav2lip, visemes, gfpgan"),
        ("LIVEPORTRAIT_TALK_METHODS", "auto", "joyvasa, wav2lip, visemes, gfpgan"),
        ("LIVEPORTRAIT_TALK_METHODS", "visemes,gfpgan", "both, or neither"),
        ("LIVEPORTRAIT_ACCEPTED_LICENCES", "joyvasa", "a list of wav2lip, gfpgan"),
        ("LIVEPORTRAIT_KEEP", "²", "whole number"),
        ("LIVEPORTRAIT_KEEP_HOURS", "", "from 0"),
        ("LIVEPORTRAIT_MIRROR_DYNAMICS", "maybe", "on or off"),
        ("LIVEPORTRAIT_UPLOADS_PREFIX", "users/", "on or off"),
        ("LIVEPORTRAIT_SYNTHETIC_IDLE", "on", "accepted: off, or the engine 'mesh'"),
        ("LIVEPORTRAIT_PRICE_PER_HOUR_USD", "free", "from 0 to 1000"),
        ("OTEL_METRICS_EXPORTER", "prometheus", "otlp, none"),
        ("FIRESTORE_EMULATOR_HOST", "http://127.0.0.1:8080", "without a scheme"),
        ("FIRESTORE_EMULATOR_HOST", "", "all or none"),
        ("STORAGE_EMULATOR_HOST", "127.0.0.1:9199", "with the scheme"),
        ("STORAGE_EMULATOR_HOST", "", "all or none"),
        ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9199/storage", "with the scheme"),
        ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:none", "with the scheme"),
        ("FIREBASE_STORAGE_EMULATOR_HOST", "http://127.0.0.1:9199", "without a scheme"),
        ("LIVEPORTRAIT_STORAGE_PUBLIC_URL", "", "with the scheme"),
        ("LIVEPORTRAIT_STORAGE_PUBLIC_URL", "10.0.2.2:9199", "with the scheme"),
        ("LIVEPORTRAIT_STORAGE_PUBLIC_URL", "ftp://10.0.2.2", "http://10.0.2.2:9199"),
        ("LIVEPORTRAIT_STORAGE_PUBLIC_URL", "http://me@10.0.2.2:9199", "http://10.0.2.2:9199"),
        ("LIVEPORTRAIT_STORAGE_PUBLIC_URL", "http://10.0.2.2:9199/v0", "http://10.0.2.2:9199"),
        ("LIVEPORTRAIT_STORAGE_PUBLIC_URL", "http://0.0.0.0:9199", "no client can connect"),
        ("GOOGLE_CLOUD_PROJECT", "", "project"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(name: str, value: str, accepted: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        from_environment({**EMULATED, name: value})
    assert name in str(caught.value)
    assert accepted in str(caught.value)


def test_the_mesh_engine_has_no_motion_of_joyvasas() -> None:
    named = {**EMULATED, "LIVEPORTRAIT_TALK_METHODS": "joyvasa"}
    assert from_environment(named).talk_methods.offered == ("joyvasa",)
    with pytest.raises(InvalidSetting, match="LIVEPORTRAIT_TALK_METHODS names joyvasa"):
        from_environment({**named, "LIVEPORTRAIT_ENGINE": "mesh"})


def test_results_have_a_public_name_beside_an_emulator_alone() -> None:
    named = {"LIVEPORTRAIT_STORAGE_PUBLIC_URL": "HTTP://Phone.test:9199/"}
    settings = from_environment({**EMULATED, **named})
    assert settings.storage_public_url == "http://phone.test:9199"
    with pytest.raises(InvalidSetting, match="without an emulator"):
        from_environment({**BARE, **named})
    secure = from_environment({**EMULATED, "STORAGE_EMULATOR_HOST": "https://s.test"})
    assert secure.storage_public_url == "https://s.test"


def test_no_emulator_is_set_alone() -> None:
    with pytest.raises(InvalidSetting, match="FIRESTORE_EMULATOR_HOST is not set"):
        from_environment({**BARE, "FIREBASE_STORAGE_EMULATOR_HOST": "127.0.0.1:9199"})


def test_the_bucket_has_no_default() -> None:
    with pytest.raises(InvalidSetting, match="LIVEPORTRAIT_BUCKET is not set"):
        from_environment({})


def test_auto_is_refused_without_an_emulator() -> None:
    with pytest.raises(InvalidSetting, match="'auto' without an emulator"):
        from_environment({**BARE, "LIVEPORTRAIT_ENGINE": "auto"})


def test_the_mesh_engine_is_given_no_gpu() -> None:
    wanted = {**BARE, "LIVEPORTRAIT_ENGINE": "mesh"}
    assert from_environment({**wanted, "LIVEPORTRAIT_DEVICE": "cpu"}).device == "cpu"
    with pytest.raises(InvalidSetting, match="LIVEPORTRAIT_DEVICE is 'cuda'"):
        from_environment({**wanted, "LIVEPORTRAIT_DEVICE": "cuda"})
