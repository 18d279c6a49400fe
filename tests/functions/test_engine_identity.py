"""The version that a gate is told: what is accepted, and what is said where it is missing."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from functions.errors import InvalidSetting
from functions.runtime import engine_identity
from functions.runtime.engine_identity import named_engine
from functions.runtime.startup import open_warm
from functions.settings import Settings, from_environment
from liveportrait_core import Engine
from liveportrait_core.engines.choice import EngineConfig, planned_identity
from liveportrait_core.engines.choice import engine_identity as present_identity
from liveportrait_core.errors import EngineUnavailable, InvalidOption
from liveportrait_core.weights.manifest import choose_files, read_manifest
from tests.functions.test_roles_settings import GATE

TOLD = {
    **GATE,
    "LIVEPORTRAIT_ENGINE": "liveportrait",
    "LIVEPORTRAIT_ENGINE_VERSION": "liveportrait-3-0a1b2c3d",
}


def test_a_gate_that_is_told_needs_neither_precision_nor_weights() -> None:
    assert "LIVEPORTRAIT_PRECISION" not in TOLD
    settings = from_environment({**TOLD, "LIVEPORTRAIT_WEIGHTS": "/nowhere"})
    named = named_engine(settings)
    assert (named.engine, named.engine_version) == (Engine.LIVEPORTRAIT, "liveportrait-3-0a1b2c3d")


@pytest.mark.parametrize(
    ("told", "engine", "words"),
    [
        ("", "liveportrait", "''; accepted: <engine>-<revision>-<8 hex digits>"),
        ("liveportrait-3", "liveportrait", "'liveportrait-3'; accepted: <engine>-<revision>"),
        ("liveportrait-3-0A1B2C3D", "liveportrait", "accepted: <engine>-<revision>"),
        ("other-3-0a1b2c3d", "liveportrait", "accepted: <engine>-<revision>"),
        ("mesh-6-0a1b2c3d", "liveportrait", "and LIVEPORTRAIT_ENGINE is 'liveportrait'; accepted"),
    ],
)
def test_what_is_no_version_of_the_engine_is_refused(told: str, engine: str, words: str) -> None:
    environment = {**TOLD, "LIVEPORTRAIT_ENGINE": engine, "LIVEPORTRAIT_ENGINE_VERSION": told}
    with pytest.raises(InvalidSetting, match=f"LIVEPORTRAIT_ENGINE_VERSION is .*{words}"):
        from_environment(environment)


def test_an_untold_gate_without_weights_says_what_it_lacks(tmp_path: Path) -> None:
    settings = Settings(bucket="demo", precision="fp16", weights=tmp_path)
    with pytest.raises(InvalidSetting, match=r"LIVEPORTRAIT_ENGINE_VERSION is not set.*weights"):
        named_engine(settings)


def test_an_untold_gate_without_the_engines_libraries_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object) -> None:
        raise PackageNotFoundError("mediapipe")

    monkeypatch.setattr(engine_identity, "engine_identity", missing)
    with pytest.raises(InvalidSetting, match=r"is not set, and cannot be worked out.*mediapipe"):
        named_engine(Settings(bucket="demo", engine="mesh"))


def test_a_renderer_of_another_version_than_the_gate_was_told_is_not_ready() -> None:
    right = planned_identity(Engine.MESH).engine_version
    mesh = Settings(bucket="demo", engine="mesh", engine_version=right)
    assert open_warm(mesh).engine_version == right
    wrong = Settings(bucket="demo", engine="mesh", engine_version="mesh-6-00000000")
    with pytest.raises(EngineUnavailable, match=rf"'mesh-6-00000000'.*is '{right}'.*one tree"):
        open_warm(wrong)


def test_the_planned_version_is_that_of_the_fetched_files(tmp_path: Path) -> None:
    config = EngineConfig(precision="fp16")
    for wanted in choose_files(read_manifest(tmp_path)):
        path = tmp_path / wanted.file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(wanted.file.size_bytes or 1)  # of the right size, and empty
    present = present_identity("liveportrait", tmp_path, config)
    assert planned_identity(Engine.LIVEPORTRAIT, config) == present
    with pytest.raises(InvalidOption, match="precision is 'auto'"):
        planned_identity(Engine.LIVEPORTRAIT)
