"""Which methods of talking there are here: the built-in ones, and those of installed packages.

Every package may bring one: an entry point of the group `avatar_idle.talk_methods` that names a
`TalkMethod`. docs/understand/talk-methods.md says what that takes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from liveportrait_core.engines.base import MotionSource
from liveportrait_core.engines.liveportrait import joyvasa
from liveportrait_core.errors import InvalidOption, MethodNotInstalled
from liveportrait_core.lipsync import gfpgan, wav2lip
from liveportrait_core.lipsync.base import LipSync, Refiner
from liveportrait_core.options import Engine, SpeechMethod
from liveportrait_core.speech.methods import (
    GFPGAN,
    LICENCES,
    VERSIONS,
    MethodLicence,
    choose_method,
    require_refiner,
)

GROUP: Final = "avatar_idle.talk_methods"


@dataclass(frozen=True, kw_only=True)
class TalkMethod:
    """One method, not opened yet. It moves an engine's points, or paints into finished frames.

    `open_motion` or `open_lipsync` is given the weights folder; exactly one of them is set, but for
    the method that needs neither.
    """

    name: str
    version: str  # changes with what changes the pixels of a talk
    licence: MethodLicence
    is_installed: Callable[[Path], bool]  # whether packages and weights are there; opens nothing
    engine: Engine | None = None  # whose motion it gives; None: frames of any engine
    open_motion: Callable[[Path], MotionSource] | None = None
    open_lipsync: Callable[[Path], LipSync] | None = None
    missing: str = ""  # what to install, for those who ask for it in vain


@dataclass(frozen=True, kw_only=True)
class TalkRefiner:
    """What sharpens the mouths that a method painted, not opened yet."""

    name: str
    version: str
    licence: MethodLicence
    is_installed: Callable[[Path], bool]
    open_refiner: Callable[[Path], Refiner]
    missing: str


def _joyvasa_is_installed(weights: Path) -> bool:
    return (weights / joyvasa.PLACE).is_file() and find_spec("transformers") is not None


def _open_joyvasa(weights: Path) -> MotionSource:
    from liveportrait_core.engines.liveportrait.joyvasa.method import JoyVasa

    return JoyVasa.opened(weights)


def _wav2lip_is_installed(weights: Path) -> bool:
    return (weights / wav2lip.PLACE).is_file()


def _open_wav2lip(weights: Path) -> LipSync:
    from liveportrait_core.lipsync.wav2lip.method import Wav2LipMethod

    return Wav2LipMethod.opened(weights)


def _gfpgan_is_installed(weights: Path) -> bool:
    return (weights / gfpgan.PLACE).is_file() and find_spec("spandrel") is not None


def _open_gfpgan(weights: Path) -> Refiner:
    from liveportrait_core.lipsync.gfpgan.refiner import GfpganRefiner

    return GfpganRefiner.opened(weights)


JOYVASA: Final = TalkMethod(
    name=SpeechMethod.JOYVASA,
    version=VERSIONS[SpeechMethod.JOYVASA],
    licence=LICENCES[SpeechMethod.JOYVASA],
    is_installed=_joyvasa_is_installed,
    engine=Engine.LIVEPORTRAIT,
    open_motion=_open_joyvasa,
    missing="pip install 'avatar-idle[speech]'; weights convert joyvasa CHECKPOINT TEMPLATE",
)
WAV2LIP: Final = TalkMethod(
    name=SpeechMethod.WAV2LIP,
    version=VERSIONS[SpeechMethod.WAV2LIP],
    licence=LICENCES[SpeechMethod.WAV2LIP],
    is_installed=_wav2lip_is_installed,
    open_lipsync=_open_wav2lip,
    missing="weights convert wav2lip CHECKPOINT",
)
VISEMES: Final = TalkMethod(
    name=SpeechMethod.VISEMES,
    version=VERSIONS[SpeechMethod.VISEMES],
    licence=LICENCES[SpeechMethod.VISEMES],
    is_installed=lambda weights: True,
)
BUILT_IN: Final = (JOYVASA, WAV2LIP, VISEMES)
"""The best first, as `auto` takes them."""
REFINER: Final = TalkRefiner(
    name=GFPGAN,
    version=VERSIONS[GFPGAN],
    licence=LICENCES[GFPGAN],
    is_installed=_gfpgan_is_installed,
    open_refiner=_open_gfpgan,
    missing=f"pip install spandrel, with the torchvision of this torch; {gfpgan.PLACE} in the "
    "weights folder",
)


@dataclass(frozen=True, kw_only=True)
class InstalledMethods:
    """What can run here, beside one engine."""

    methods: Mapping[str, TalkMethod]
    refiners: Mapping[str, TalkRefiner] = field(default_factory=dict)
    weights: Path = Path()
    # Names of methods and of the refiner whose licence was accepted, of those that are not free.
    accepted: frozenset[str] = frozenset()

    def choose(self, asked: str, *, is_told: bool = False) -> TalkMethod:
        """Return the method of a talk; arguments as in `choose_method`.

        Raises:
            MethodNotInstalled, MethodNotLicensed: the one that was asked for is not.
        """
        return self._chosen(asked, self.methods, is_told=is_told)

    def choose_lipsync(self, asked: str) -> TalkMethod:
        """Return the method that paints the mouth of a clip.

        Raises:
            InvalidOption: the one that was asked for paints none.
            MethodNotInstalled, MethodNotLicensed: it, or any for `auto`, is not.
        """
        painting = {name: each for name, each in self.methods.items() if each.open_lipsync}
        if asked == SpeechMethod.AUTO:
            asked = next(iter(painting), WAV2LIP.name)
        elif asked in self.methods and asked not in painting:
            raise InvalidOption(
                f"method is {asked}, which paints no mouth into a clip; accepted: "
                f"{', '.join(sorted(painting)) or WAV2LIP.name}"
            )
        return self._chosen(asked, painting)

    def _chosen(
        self, asked: str, among: Mapping[str, TalkMethod], *, is_told: bool = False
    ) -> TalkMethod:
        licences = {name: method.licence for name, method in among.items()}
        try:
            name = choose_method(asked, installed=licences, accepted=self.accepted, is_told=is_told)
        except MethodNotInstalled as error:
            raise MethodNotInstalled(f"{error}{self._remedy(asked)}") from error
        return self.methods[name]

    def choose_refiner(self) -> TalkRefiner:
        """Return the refiner.

        Raises:
            MethodNotInstalled, MethodNotLicensed: it is not.
        """
        licences = {name: refiner.licence for name, refiner in self.refiners.items()}
        try:
            return self.refiners[require_refiner(installed=licences, accepted=self.accepted)]
        except MethodNotInstalled as error:
            raise MethodNotInstalled(f"{error}; it takes: {REFINER.missing}") from error

    def _remedy(self, name: str) -> str:
        method = next((each for each in BUILT_IN if each.name == name), None)
        if method is None:
            return ""
        if method.is_installed(self.weights):
            return f"; it moves the engine {method.engine} alone"
        return f"; it takes: {method.missing}"


WITHOUT_WEIGHTS: Final = InstalledMethods(methods={VISEMES.name: VISEMES})


def find_methods(
    engine: Engine | None, weights: Path, accepted: frozenset[str] = frozenset()
) -> InstalledMethods:
    """Return the methods that can run beside an engine: packages' own first, then the built-in.

    Of no engine in particular: all that are installed.

    Raises:
        InvalidOption: an installed package brings something else under that entry point.
    """
    brought = []
    for point in entry_points(group=GROUP):
        method = point.load()
        if not isinstance(method, TalkMethod):
            raise InvalidOption(
                f"the entry point {point.name} of {GROUP} names a {type(method).__name__}; "
                "accepted: a TalkMethod"
            )
        brought.append(method)
    fitting = {
        method.name: method
        for method in (*brought, *BUILT_IN)
        if (engine is None or method.engine in (None, engine)) and method.is_installed(weights)
    }
    refiners = {REFINER.name: REFINER} if REFINER.is_installed(weights) else {}
    return InstalledMethods(methods=fitting, refiners=refiners, weights=weights, accepted=accepted)
