"""The settings of a deployment, validated. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from deploy.errors import InvalidSetting

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_COLLECTION = re.compile(r"[^/\s]{1,100}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_VERSION = re.compile(r"(?:liveportrait|mesh)-[0-9]+-[0-9a-f]{8}")
_VARIABLE = re.compile(r"(?:LIVEPORTRAIT|OTEL|AVATAR_WEB)_[A-Z0-9_]+")
_GOOGLE_API = re.compile(r"https://[a-z0-9.-]+\.googleapis\.com(:443)?(/\S*)?")
_REACHED = "with --private-egress, an API of Google's: https://….googleapis.com"
# What this program sets itself, of the function and of the API.
_FUNCTION = (
    "ROLE", "BUCKET", "DEVICE", "BEHIND_IAM", "ENGINE", "COLLECTION", "ENGINE_VERSION", "PRECISION",
    "TASKS_QUEUE", "DEBOUNCE_QUEUE", "WEIGHTS", "GATE_URL", "BUDGET_QUEUES", "RENDERER_URL",
    "TASKS_SERVICE_ACCOUNT",
)  # fmt: skip
_WEB = (
    "QUEUE", "RENDERER_URL", "SERVICE_ACCOUNT", "BUCKET", "KEYS", "PUBLIC_URL", "HOST", "PORT",
    "DATA",
)  # fmt: skip
_PLANNED = {f"LIVEPORTRAIT_{name}" for name in _FUNCTION} | {f"AVATAR_WEB_{name}" for name in _WEB}
SECRET = "secret:"  # noqa: S105 - what a secret's name begins with
_API_KEYS = re.compile(rf"{SECRET}[A-Za-z0-9_-]{{1,255}}|[0-9a-f]{{64}}(?:,[0-9a-f]{{64}})*")


FETCHED, GIVEN = "fetched", "given"
_WEIGHTS = re.compile(rf"{FETCHED}|{GIVEN}|gs://[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9](/[\w./-]+)?")


class Card(Enum):
    """The renderer's GPU; the value is what `--gpu-type` takes."""

    L4 = "nvidia-l4"
    RTX_PRO_6000 = "nvidia-rtx-pro-6000"
    NONE = "none"  # the mesh engine


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The minimum for an instance with a card, and the regions where Cloud Run has that card.

    Attributes:
        cpu: of one instance.
        memory: of one instance.
        regions: as documented in November 2026; empty: everywhere.
        driver_libraries: which of the Dockerfile's variants matches the card's driver.
    """

    cpu: str
    memory: str
    regions: tuple[str, ...]
    driver_libraries: str


MACHINES = {
    # Driver 535 (CUDA 12.2), older than what the pinned packages are built for (CUDA 13).
    Card.L4: Machine(
        cpu="4",  # 4 and 16 GiB are the least Cloud Run takes
        memory="16Gi",
        regions=("us-central1", "us-east4", "europe-west1", "europe-west4", "asia-southeast1"),
        driver_libraries="compat",
    ),
    Card.RTX_PRO_6000: Machine(  # driver 580; 20 CPU and 80 GiB are the least Cloud Run takes
        cpu="20", memory="80Gi", regions=("us-central1", "europe-west4"), driver_libraries="host"
    ),
    Card.NONE: Machine(cpu="4", memory="4Gi", regions=(), driver_libraries="host"),
}


class Part(Enum):
    """Parts that the app or its owner may manage instead."""

    RULES = "rules"  # Firestore's and Storage's security rules
    CORS = "cors"  # the bucket's
    LIFECYCLE = "lifecycle"  # the bucket's
    BUDGET = "budget"  # needs rights on the billing account
    MONITORING = "monitoring"  # metrics, alerts, dashboard
    GATE = "gate"  # with its triggers: a Firebase function, or another of the app's
    QUOTAS = "quotas"  # Cloud Run's, looked up before anything is made


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One deployment.

    Attributes:
        project: its id, not its number.
        region: of services, queue, job, images.
        bucket: the app's, with the portraits and the clips.
        tag: of the images; the digest of their content.
        engine_version: of what renders: told to the gate, whose image has no engine, and demanded
            of the renderer.
        single: one service that handles events and renders, instead of gate, queue and renderer.
        engine: `liveportrait` or `mesh`.
        card: the GPU.
        precision: of the networks.
        weights: of LivePortrait: `fetched` from the model hub while the image is built, `given` in
            weights/ of this tree, or a folder of a bucket (`gs://…`), mounted read-only.
        max_instances: concurrent renders, which bounds the cost; at most the GPU quota.
        gate_max_instances: of the gate: each answers eighty events at a time.
        collection: of the avatars.
        schedule: of the reconcile pass over what is recent, cron in UTC.
        schedule_all: of that over all avatars.
        tasks: of the reconcile job, which share the avatars.
        budget: a month's, in the billing account's currency.
        budget_pauses: pause the queues that lead to the renderer when the budget is spent.
        notify: the e-mail address for alerts; None: they are shown in the console only.
        environment: more variables for the function, of the names that it reads.
        replaces: parts whose foreign content is replaced.
        omits: parts that are left alone.
        private_egress: what renders reaches Google's APIs and nothing else.
        api: serve the HTTP API too, to who has a key: the SHA-256 digests of the keys, or
            `secret:NAME`, a secret of Secret Manager that holds them; None: it is not served.
        api_tag: of the API's image; the digest of its content.
        api_max_instances: of the API.
        any_region: accept any region for the card, where Google's list has grown.
    """

    project: str
    region: str
    bucket: str
    tag: str
    engine_version: str
    single: bool = False
    engine: str = "liveportrait"
    card: Card = Card.L4
    precision: str = "fp16"
    weights: str = FETCHED
    max_instances: int = 1
    gate_max_instances: int = 10
    collection: str = "avatars"
    schedule: str = "17 3 * * *"
    schedule_all: str = "17 5 * * 0"
    tasks: int = 1
    budget: int = 50
    budget_pauses: bool = False
    notify: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    replaces: frozenset[Part] = frozenset()
    omits: frozenset[Part] = frozenset()
    private_egress: bool = False
    api: str | None = None
    api_tag: str = ""
    api_max_instances: int = 3
    any_region: bool = False

    def __post_init__(self) -> None:
        self._check_names()
        self._check_numbers()
        self._check_engine()
        self._check_version()
        self._check_environment()
        self._check_api()

    @property
    def machine(self) -> Machine:
        """The renderer's machine."""
        return MACHINES[self.card]

    @property
    def weights_bucket(self) -> tuple[str, str]:
        """Bucket and folder of the weights; empty: they are in the image."""
        if not self.weights.startswith("gs://"):
            return "", ""
        bucket, _, folder = self.weights.removeprefix("gs://").partition("/")
        return bucket, folder.strip("/")

    @property
    def api_secret(self) -> str:
        """The secret with the digests of the API's keys; empty: there is none."""
        api = self.api or ""
        return api.removeprefix(SECRET) if api.startswith(SECRET) else ""

    @property
    def has_gate(self) -> bool:
        """Whether a service of its own answers events, and is this program's to make."""
        return not self.single and Part.GATE not in self.omits

    @property
    def answers_events(self) -> bool:
        """Whether one of this program's services does."""
        return self.single or self.has_gate

    def _check_names(self) -> None:
        _match("project", self.project, _PROJECT, "a project's id, such as my-app-1234")
        _match("region", self.region, _REGION, "a Cloud Run region, such as europe-west1")
        _match("bucket", self.bucket, _BUCKET, "a bucket's name, without gs://")
        _match("tag", self.tag, _TAG, "letters, digits, dots, hyphens and underscores")
        _match("collection", self.collection, _COLLECTION, "a collection's name, without slashes")
        if self.notify is not None:
            _match("notify", self.notify, _EMAIL, "an e-mail address")
        for name, cron in (("schedule", self.schedule), ("schedule-all", self.schedule_all)):
            if len(cron.split()) != 5:
                raise InvalidSetting(
                    f"{name} is {cron!r}; accepted: five fields of cron, such as 17 3 * * *"
                )
        if self.single and Part.GATE in self.omits:
            raise InvalidSetting(
                "gate is omitted, and --single has none; accepted: a deployment in two roles"
            )
        if self.budget_pauses and (self.single or self.omits & {Part.BUDGET, Part.GATE}):
            raise InvalidSetting(
                "budget-pauses is on; accepted: with a gate and queues of this program's (neither "
                "--single nor --omit gate), and with the budget (no --omit budget)"
            )
        both = self.replaces & self.omits
        if both:
            names = ", ".join(sorted(part.value for part in both))
            raise InvalidSetting(f"{names} is to be replaced and omitted; accepted: one of the two")

    def _check_numbers(self) -> None:
        for name, value, low, high in (
            ("max-instances", self.max_instances, 1, 100),
            ("gate-max-instances", self.gate_max_instances, 1, 60),
            ("tasks", self.tasks, 1, 100),
            ("api-max-instances", self.api_max_instances, 1, 60),
            ("budget", self.budget, 1, 1_000_000),
        ):
            if not low <= value <= high:
                raise InvalidSetting(f"{name} is {value}; accepted: {low} to {high}")

    def _check_engine(self) -> None:
        _one_of("engine", self.engine, ("liveportrait", "mesh"))
        _match("weights", self.weights, _WEIGHTS, "fetched, given, or gs://BUCKET[/FOLDER]")
        if self.engine == "mesh" and self.weights != FETCHED:
            raise InvalidSetting(
                f"weights is {self.weights!r} with the engine mesh, which has none; accepted: no "
                "such option"
            )
        _one_of("precision", self.precision, ("fp16", "bf16", "fp32"))
        if (self.engine == "mesh") != (self.card is Card.NONE):
            raise InvalidSetting(
                f"gpu is {self.card.value!r} with the engine {self.engine}; accepted: 'none' with "
                "mesh, which uses no GPU, and a card with liveportrait, which is too slow without"
            )
        regions = self.machine.regions
        if regions and self.region not in regions and not self.any_region:
            raise InvalidSetting(
                f"region is {self.region!r}, where Cloud Run has no {self.card.value} as far as "
                f"this program knows; accepted: {', '.join(regions)} (or --any-region, where "
                "Google's list has grown; the database and the bucket may be elsewhere)"
            )

    def _check_version(self) -> None:
        accepted = f"a version of the engine {self.engine}, such as {self.engine}-3-0a1b2c3d"
        _match("engine-version", self.engine_version, _VERSION, accepted)
        if self.engine_version.partition("-")[0] != self.engine:
            raise InvalidSetting(f"engine-version is {self.engine_version!r}; accepted: {accepted}")

    def _check_api(self) -> None:
        if self.api is None:
            named = [name for name, _ in self.environment if name.startswith("AVATAR_WEB_")]
            if named:
                raise InvalidSetting(f"env sets {named[0]} without an API; accepted: with --api")
            return
        accepted = "SHA-256 digests of keys (64 hex digits each, by commas), or secret:NAME"
        _match("api", self.api, _API_KEYS, accepted)
        _match("api-tag", self.api_tag, _TAG, "letters, digits, dots, hyphens and underscores")
        if self.single:
            raise InvalidSetting(
                "api is given, and --single has no queue to put generations into; accepted: a "
                "deployment in two roles"
            )

    def _check_environment(self) -> None:
        for name, value in self.environment:
            _match("env", name, _VARIABLE, "LIVEPORTRAIT_…, OTEL_… or AVATAR_WEB_… variables")
            if self.private_egress and name.startswith("OTEL_") and name.endswith("_ENDPOINT"):
                _match(f"env {name}", value, _GOOGLE_API, _REACHED)
            if name in _PLANNED:
                raise InvalidSetting(
                    f"env sets {name}, which this program sets itself; accepted: its own options"
                )
            if "|" in value or "\n" in value:
                raise InvalidSetting(
                    f"env {name} is {value!r}; accepted: text without '|' and line breaks"
                )


def _match(name: str, value: str, pattern: re.Pattern[str], accepted: str) -> None:
    if pattern.fullmatch(value) is None:
        raise InvalidSetting(f"{name} is {value!r}; accepted: {accepted}")


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise InvalidSetting(f"{name} is {value!r}; accepted: {', '.join(accepted)}")
