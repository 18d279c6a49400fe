"""What was pressed: one request, which is queued, shown as JSON, and as a command line."""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from starlette.datastructures import FormData, UploadFile

from liveportrait_core import PASTED_BACK, Engine, FacePoints, Species
from liveportrait_core.edit import PortraitEdit
from liveportrait_core.options import OUTPUT_SIDES_PX, PEAK_MBIT_S, SpeechMethod
from web.api.params import Params
from web.api.schemas import read_request
from web.api.service import Service
from web.errors import InvalidRequest
from web.generation import Generation, Kind
from web.jobs.options import is_still

_FLAGS: Final = {
    "animationRegion": "--animation-region",
    "species": "--species",
    "facePoints": "--face-points",
    "scale": "--scale",
    "cropX": "--crop-x",
    "cropY": "--crop-y",
    "drivingCrop": "--crop-driving",
    "drivingScale": "--driving-scale",
    "drivingX": "--driving-x",
    "drivingY": "--driving-y",
    "smoothing": "--smooth-source",
    "sourceMaxDim": "--source-max-dim",
    "maxSeconds": "--max-seconds",
    "seed": "--seed",
    "seconds": "--seconds",
    "fps": "--fps",
    "outputSize": "--output-size",
    "peakRate": "--peak-rate",
    "audio": "--audio",
    "strength": "--strength",
    "method": "--method",
    "inside": "--inside",
    "head": "--head",
    "refine": "--refine",
}
_SWITCHES: Final = {
    "repeat": "--repeat",
    "normalizeLip": "--normalize-lip",
    "pasteback": "--paste-back",
    "loop": "--loop",
    "stitching": "--stitch",
}
_ACCEPTING: Final = {
    "wav2lip": "--accept-research-only-licence",
    "gfpgan": "--accept-gfpgan-non-commercial-licence",
}
_OF_AN_IDLE: Final = ("seed", "seconds", "fps")
_OF_SPEECH: Final = ("strength", "method", "inside", "head", "refine", "acceptLicences")
_OF_LIPSYNC: Final = ("method", "acceptLicences", "refine", "repeat")
_NOT_OF_A_TALK: Final = ("relative", "stitching", "cropX", "cropY", "smoothing")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One press of the button: its files, and everything that is not as usual."""

    kind: Kind
    files: Mapping[str, str]  # paths by "portrait", "driving", "motion", "sound"
    text: str  # what is said
    params: Mapping[str, Any]

    @classmethod
    def of_clip(cls, files: Mapping[str, str | None], *, params: Mapping[str, Any]) -> "Asked":
        """Take what the controls hold where the driving clip is to say the sound.

        Portrait, text and what an engine draws have no part in it, and are left out.

        Raises:
            InvalidRequest: the clip or the sound is missing.
        """
        given = {name: path for name in ("driving", "sound") if (path := files.get(name))}
        if "driving" not in given:
            raise InvalidRequest("Bring the clip that is to speak first.", field="input.driving")
        if "sound" not in given:
            raise InvalidRequest("Bring what the clip is to say first.", field="input.sound")
        wanted = {name: value for name, value in params.items() if name in _OF_LIPSYNC}
        return cls(kind=Kind.LIPSYNC, files=given, text="", params=_unusual(wanted))

    @classmethod
    def of(
        cls, files: Mapping[str, str | None], *, text: str, edit: str, params: Mapping[str, Any]
    ) -> "Asked":
        """Take what the controls hold; None and blanks are as usual.

        A file in place of a clip is key frames by its name, else a template or a picture.

        Raises:
            InvalidRequest: a file is missing, or does not go with another.
            InvalidOption: the edit is none.
        """
        given = {name: path for name, path in files.items() if path is not None}
        if "portrait" not in given:
            raise InvalidRequest("Bring a portrait first.", field="input.portrait")
        if {"driving", "motion"} <= set(given):
            raise InvalidRequest(
                "There are a clip and a file in its place; take one of them away.",
                field="input.motion",
            )
        if "motion" in given and Path(given["motion"]).suffix != ".json":
            given["driving"] = given.pop("motion")
        if text.strip() and "sound" not in given:
            raise InvalidRequest(
                "There are words, and no sound of them; bring one.", field="input.sound"
            )
        wanted = {name: value for name, value in params.items() if name != "repeat"}
        if edit.strip():
            wanted["edit"] = PortraitEdit.parse(edit).as_fields()
        return cls(kind=_kind_of(given), files=given, text=text.strip(), params=_unusual(wanted))

    @property
    def moves_by_itself(self) -> bool:
        """Whether no file moves it: the motion is a synthetic idle."""
        return not {"driving", "motion"} & set(self.files)

    @property
    def body(self) -> dict[str, Any]:
        """The request as the API takes it, its uploads named by their roles."""
        words = {"text": self.text} if self.text else {}
        return {
            "kind": self.kind.value,
            "input": {**{name: {"upload": name} for name in self.files}, **words},
            "params": dict(self.params),
        }

    def as_json(self) -> str:
        """Return the body as text."""
        return json.dumps(self.body, indent=2, ensure_ascii=False)

    def queue(self, service: Service) -> Generation:
        """Queue it as a request over HTTP is queued.

        Raises:
            ApiError: it is refused.
        """
        wanted = read_request(self.body)
        with ExitStack() as stack:
            parts = {
                name: UploadFile(stack.enter_context(Path(path).open("rb")), filename=path)
                for name, path in self.files.items()
            }
            return service.add("", str(uuid4()), wanted, FormData(parts), None)

    def command(self, engine: Engine) -> str:
        """Return the command line that makes the same video; a remark where there is none."""
        missing = [name for name in _NOT_OF_A_TALK if name in self.params]
        if self.kind is Kind.TALK and missing:
            return f"# the command line's talk has no {', '.join(missing)}; the JSON has"
        if self.kind is Kind.LIPSYNC:
            if self.params.get("method", SpeechMethod.WAV2LIP) != SpeechMethod.WAV2LIP:
                return "# the command line's lipsync is Wav2Lip's alone; the JSON names the method"
            return shlex.join(["avatar-idle", *self.words()])  # no engine draws it
        return shlex.join(["avatar-idle", *self.words(), f"--engine={engine}"])

    def words(self) -> list[str]:
        """Return command, files and options, without the engine."""
        name = {role: Path(path).name for role, path in self.files.items()}
        form = self.params.get("format", "mp4")
        moved = name.get("driving") or name.get("motion")
        if self.kind is Kind.LIPSYNC:
            words = ["lipsync", name["driving"], name["sound"], "-o", "lipsync.mp4"]
            return [*words, *self._options_of_lipsync()]
        if self.kind is Kind.TALK:
            words = ["talk", name["portrait"], name["sound"], "-o", "talk.mp4"]
            words += ["--driving", moved] if moved else []
            words += ["--text", self.text] if self.text else []
        elif moved:
            output = "edited.png" if self.kind is Kind.EDIT else f"idle.{form}"
            words = ["render", name["portrait"], moved, "-o", output]
        else:
            words = ["render", name["portrait"], "-o", f"idle.{form}", "--motion", "synthetic"]
        return [*words, *self._options(is_moved_by_file=moved is not None)]

    def _options_of_lipsync(self) -> Iterator[str]:
        for name, value in self.params.items():
            if name != "method":
                yield from _option(name, value)

    def _options(self, *, is_moved_by_file: bool) -> Iterator[str]:
        """Yield flags and values; those without effect on such a video are left out."""
        multiplier = self.params.get("drivingMultiplier", Params().driving_multiplier)
        yield f"--driving-multiplier={multiplier}"  # a talk's default is another
        without = set() if self.kind is Kind.TALK else set(_OF_SPEECH)
        without |= set(_OF_AN_IDLE) if is_moved_by_file else {"maxSeconds"}
        for name, value in self.params.items():
            if name not in without:
                yield from _option(name, value)


def _unusual(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not as usual; None and blanks are."""
    wanted = {name: value for name, value in params.items() if value not in (None, "")}
    usual = Params().model_dump(mode="json", by_alias=True)
    # As much as nothing exceeds.
    usual |= {"outputSize": OUTPUT_SIDES_PX[1], "peakRate": PEAK_MBIT_S[1]}
    usual["pasteback"] = PASTED_BACK[Species(wanted.get("species", Species.HUMAN))]
    return {name: value for name, value in wanted.items() if value != usual[name]}


def _kind_of(files: Mapping[str, str]) -> Kind:
    """Return a talk where there is a sound, a picture where a picture moves a picture."""
    if "sound" in files:
        return Kind.TALK
    moves = [Path(files[name]) for name in ("portrait", "driving") if name in files]
    is_picture = len(moves) == 2 and all(path.is_file() and is_still(path) for path in moves)
    return Kind.EDIT if is_picture else Kind.ANIMATE


def _option(name: str, value: Any) -> Iterator[str]:
    """Yield the flag of a parameter; a file's format is told by its name instead."""
    if name in _SWITCHES:
        flag = _SWITCHES[name]
        yield flag if value else flag.replace("--", "--no-", 1)
    elif name in _FLAGS:
        yield f"{_FLAGS[name]}={_word(value)}"
    elif name == "acceptLicences":
        yield from (_ACCEPTING[each] for each in value if each in _ACCEPTING)
    elif name == "relative":
        yield "--motion=absolute"
    elif name == "edit":
        yield f"--edit={PortraitEdit.from_fields(value)[0]}"


def _word(value: Any) -> str:
    if isinstance(value, list):
        return str(FacePoints(points=tuple((point["x"], point["y"]) for point in value)))
    return str(value)
