"""Turn the environment, read once, into frozen `Settings`.

Names, defaults and ranges are those of contract.md, section 8. A wrong value stops the start
with a message that names the variable, the value and what is accepted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from functions.emulator_settings import public_url, storage_emulator
from functions.errors import InvalidSetting
from functions.otel_settings import NOTHING, Exported, exported
from functions.roles import Role, TaskRoute, task_route
from functions.talk_settings import WITHOUT_WEIGHTS, TalkMethods, talk_methods
from functions.variables import VERSION, Variables

ENGINES = ("liveportrait", "mesh", "auto")
PRECISIONS = ("auto", "fp32", "fp16", "bf16", "mixed")
DEVICES = ("auto", "cpu", "cpu-torch", "cuda", "cuda-plain")
ENGINE_VERSION = "LIVEPORTRAIT_ENGINE_VERSION"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment can choose."""

    bucket: str
    role: Role = Role.ALL
    engine: str = "liveportrait"
    engine_version: str | None = None  # of what renders: told to a gate, demanded of a renderer
    precision: str = "auto"
    device: str = "auto"  # cuda: without a usable GPU no request is answered
    collection: str = "avatars"
    weights: Path = Path("weights")
    debounce_s: float = 3.0  # an event waits until its own commit is this old
    lease_s: float = 60.0
    deadline_s: float = 480.0  # from the start of the request; Eventarc redelivers after 600
    max_seconds: float = 10.0  # of the driving clip
    peak_mbit_s: float | None = None  # of any second of a result; None: as the quality takes
    renders_per_day: int = 30
    renders_per_owner_day: int = 100
    renders_per_owner_at_once: int = 3  # in flight, of those that a queue hands out
    renders_per_day_total: int = 5_000  # of all avatars: the bound of a day's cost
    talk_seconds_per_owner_day: int = 600  # of talks that were published
    max_speech_seconds: float = 60.0  # of a talk's sound
    accepted_versions: frozenset[str] | None = None  # of the engine; None: all of them
    talk_methods: TalkMethods = WITHOUT_WEIGHTS
    keep: int = 3  # results
    keep_hours: float = 24.0
    keep_inputs: bool = (
        False  # a deleted avatar's files that are not ours: the app shares the folder
    )
    mirror_dynamics: bool = False
    accept_uploads: bool = False  # inputs under users/{userId}/uploads/
    synthetic_idle: bool = False  # also move avatars without a hero video; mesh only
    driver_libraries: str = ""  # which the image's entry point has chosen; "": it was not asked
    usd_per_hour: float | None = None  # of one instance, for the cost metric; None: no such metric
    exported: Exported = NOTHING  # spans and metrics
    route: TaskRoute | None = None  # None: there is no queue, in the role `all`
    project: str | None = None
    storage_emulator: str | None = None  # host:port; None: the real cloud
    storage_public_url: str | None = None  # of results beside an emulator; None: the emulator's

    @property
    def emulated(self) -> bool:
        """Whether Google's emulator variables point the clients at emulators."""
        return self.storage_emulator is not None

    # Times without a variable of their own follow the lease, so that a test which shortens the
    # lease shortens all of them. The figures below are those of the default lease of 60 s.

    @property
    def heartbeat_s(self) -> float:
        """Interval between renewals of a lease: 15 s."""
        return self.lease_s / 4

    @property
    def poll_s(self) -> float:
        """Interval at which an event that waits for another job's lease reads it again: 5 s."""
        return self.lease_s / 12

    @property
    def midway_s(self) -> float:
        """Age at which a render shows its progress in the document, once: 30 s."""
        return self.lease_s / 2

    @property
    def patience_s(self) -> float:
        """How long an attempt repeats a transaction that failed: 15 s."""
        return self.lease_s / 4

    @property
    def grace_s(self) -> float:
        """How long an input may be missing before the request fails: 60 s."""
        return self.lease_s

    def back_off_s(self, attempts: int) -> float:
        """Return the seconds to wait after this many attempts: 10, 20."""
        return self.lease_s / 6 * 2.0 ** (attempts - 1)

    def accepts(self, engine_version: str) -> bool:
        """Tell whether what another version of the engine has rendered answers a request."""
        return self.accepted_versions is None or engine_version in self.accepted_versions

    def engine_version_of(self, renderer_version: str) -> str:
        """Return the renderer's version with what is set here."""
        return full_engine_version(
            renderer_version, max_seconds=self.max_seconds, peak_mbit_s=self.peak_mbit_s
        )


def full_engine_version(
    renderer_version: str, *, max_seconds: float, peak_mbit_s: float | None = None
) -> str:
    """Return the renderer's `<engine>-<revision>-<8 hex digits>` with this deployment's settings.

    The eight digits become a digest of themselves and of every setting that changes pixels, so
    that deployments with different settings share no results.
    """
    head, _, digits = renderer_version.rpartition("-")
    told = f"{digits}|max_seconds={max_seconds!r}"
    if peak_mbit_s is not None:  # else versions are what they were before there was this setting
        told += f"|peak_mbit_s={peak_mbit_s!r}"
    folded = hashlib.sha256(told.encode()).hexdigest()
    return f"{head}-{folded[:8]}"


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        InvalidSetting: a value is missing, out of range, or contradicts another one.
    """
    read = Variables(environment)
    role = Role(read.choice("ROLE", Settings.role, tuple(Role)))
    emulator = storage_emulator(environment)
    is_emulated = emulator is not None
    engine = read.choice("ENGINE", Settings.engine, ENGINES)
    settings = Settings(
        bucket=read.text("BUCKET", pattern_hint="a bucket's name, such as my-app.appspot.com"),
        role=role,
        engine=engine,
        engine_version=environment.get(ENGINE_VERSION),
        precision=read.choice("PRECISION", Settings.precision, PRECISIONS),
        device=read.choice("DEVICE", Settings.device, DEVICES),
        collection=read.text("COLLECTION", Settings.collection, pattern_hint="a collection's name"),
        weights=Path(read.text("WEIGHTS", "weights", slashes=True, pattern_hint="a folder")),
        debounce_s=read.number("DEBOUNCE_S", Settings.debounce_s, 0.0, 60.0),
        lease_s=read.number("LEASE_S", Settings.lease_s, 0.5, 600.0),
        deadline_s=read.number("DEADLINE_S", Settings.deadline_s, 1.0, 590.0),
        max_seconds=read.number("MAX_SECONDS", Settings.max_seconds, 0.5, 60.0),
        peak_mbit_s=read.optional_number("PEAK_MBIT_S", 0.5, 100.0),
        renders_per_day=read.count("RENDERS_PER_DAY", Settings.renders_per_day),
        renders_per_owner_day=read.count("RENDERS_PER_OWNER_DAY", Settings.renders_per_owner_day),
        renders_per_owner_at_once=read.count(
            "RENDERS_PER_OWNER_AT_ONCE", Settings.renders_per_owner_at_once
        ),
        renders_per_day_total=read.count("RENDERS_PER_DAY_TOTAL", Settings.renders_per_day_total),
        talk_seconds_per_owner_day=read.count(
            "TALK_SECONDS_PER_OWNER_DAY", Settings.talk_seconds_per_owner_day
        ),
        max_speech_seconds=read.number(
            "MAX_SPEECH_SECONDS", Settings.max_speech_seconds, 0.3, 60.0
        ),
        accepted_versions=read.versions("ACCEPTED_VERSIONS"),
        talk_methods=talk_methods(environment, engine),
        keep=read.count("KEEP", Settings.keep),
        keep_hours=read.number("KEEP_HOURS", Settings.keep_hours, 0.0, 8760.0),
        keep_inputs=read.switch("KEEP_INPUTS"),
        mirror_dynamics=read.switch("MIRROR_DYNAMICS"),
        accept_uploads=read.switch("UPLOADS_PREFIX"),
        synthetic_idle=read.switch("SYNTHETIC_IDLE"),
        usd_per_hour=read.number("PRICE_PER_HOUR_USD", 0.0, 0.0, 1000.0) or None,
        exported=exported(environment),
        driver_libraries=environment.get("LIVEPORTRAIT_DRIVER_LIBRARIES", ""),
        project=environment.get("GOOGLE_CLOUD_PROJECT") or None,
        storage_emulator=emulator,
        storage_public_url=public_url(environment, emulated=is_emulated),
        route=task_route(environment, role, emulated=is_emulated),
    )
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Raise where one value contradicts another one."""
    if settings.emulated and settings.project is None:
        raise InvalidSetting(
            "GOOGLE_CLOUD_PROJECT is not set; accepted, beside an emulator: any project's name"
        )
    if settings.synthetic_idle and settings.engine != "mesh":
        raise InvalidSetting(
            f"LIVEPORTRAIT_SYNTHETIC_IDLE is on and LIVEPORTRAIT_ENGINE is {settings.engine!r}; "
            "accepted: off, or the engine 'mesh', which alone moves a portrait without a clip"
        )
    if settings.engine == "mesh" and settings.device.startswith("cuda"):
        raise InvalidSetting(
            f"LIVEPORTRAIT_DEVICE is {settings.device!r} and LIVEPORTRAIT_ENGINE is 'mesh', which "
            "draws on the CPU alone; accepted: device 'auto' or 'cpu', or the engine 'liveportrait'"
        )
    if settings.engine == "auto" and not settings.emulated:
        raise InvalidSetting(
            "LIVEPORTRAIT_ENGINE is 'auto' without an emulator; a deployment says which engine it "
            "means: 'liveportrait' or 'mesh'"
        )
    if settings.engine_version is not None:
        _check_engine_version(settings.engine_version, settings.engine)
    elif settings.role is Role.GATE and settings.engine == "liveportrait":
        _check_precision(settings)


def _check_engine_version(told: str, engine: str) -> None:
    if not VERSION.fullmatch(told):
        raise InvalidSetting(
            f"{ENGINE_VERSION} is {told!r}; accepted: <engine>-<revision>-<8 hex digits>, such as "
            "liveportrait-3-0a1b2c3d"
        )
    if engine not in (told.partition("-")[0], "auto"):
        raise InvalidSetting(
            f"{ENGINE_VERSION} is {told!r} and LIVEPORTRAIT_ENGINE is {engine!r}; accepted: a "
            "version of that engine"
        )


def _check_precision(settings: Settings) -> None:
    if settings.precision == "auto":
        raise InvalidSetting(
            "LIVEPORTRAIT_PRECISION is 'auto' and LIVEPORTRAIT_ROLE is 'gate', which has no device "
            "to choose by; accepted: fp32, fp16, bf16 or mixed, the same as the renderer's, or "
            f"{ENGINE_VERSION}"
        )
