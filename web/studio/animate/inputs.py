"""The left side of the Animate page: what is brought and set, and where an error of it is said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import gradio as gr

from liveportrait_core import PASTED_BACK, Engine, Species
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES
from web.errors import InvalidRequest
from web.studio.animate.controls import Controls, expert_controls, video_controls
from web.studio.animate.request import Asked
from web.studio.animate.speaking import Speaking
from web.studio.controls import (
    clip_upload,
    error_slot,
    multiplier_of,
    portrait_upload,
    settings_controls,
    shown_error,
)
from web.studio.taps import species_controls

_SLOTS: Final = {
    "input.portrait": "portrait",
    "input.driving": "driving",
    "input.motion": "motion",
    "input.sound": "sound",
    "params.edit": "edit",
    "params.facePoints": "points",
    "params.species": "points",
    "params.method": "method",
    "params.fps": "fps",
}
"""Beside which control an error is said, by how its field begins."""
_OF_MESH: Final = ("Key frames in place of a clip (edits.json)", [".json"])
_OF_LIVEPORTRAIT: Final = (
    "In place of a clip: key frames (edits.json), a motion template (.npz, .pkl), a picture",
    [".json", *TEMPLATE_SUFFIXES, "image"],
)


class Inputs:
    """The controls; adds them to the blocks that are being built."""

    def __init__(self, engine: Engine, weights: Path) -> None:
        """Add them.

        Args:
            engine: that renders; what it cannot do is disabled.
            weights: the folder of the talking methods' files.
        """
        self._is_mesh = engine is Engine.MESH
        self.files: Controls = {}  # by their roles in a request
        self.params: Controls = {}
        self.slots: Controls = {}  # of errors
        self._add_usual()
        with gr.Row():
            self.go: Any = gr.Button("Animate", variant="primary", elem_id="a-go", min_width=110)
            self.stop: Any = gr.Button("Cancel", elem_id="a-stop", min_width=110, interactive=False)
        self._speaking = Speaking(engine, weights)
        self.files["sound"] = self._speaking.sound
        self.slots |= {"sound": self._speaking.sound_error, "method": self._speaking.method_error}
        self.params |= self._speaking.params
        self.params |= video_controls(engine)
        self._add_slot("fps")
        self._add_face_and_motion()
        animal = species_controls("a", self.files["portrait"])
        self.params |= {"species": animal.species, "facePoints": animal.points}
        self._add_slot("points")
        expert, self._crops, self._clip = expert_controls(engine)
        self.params |= expert
        self._follow_species()

    def _add_slot(self, name: str) -> None:
        self.slots[name] = error_slot(f"a-{name}-error")

    def _add_usual(self) -> None:
        self.files["portrait"] = portrait_upload("a-portrait")
        self._add_slot("portrait")
        none = " (none: a synthetic idle)" if self._is_mesh else ""
        self.files["driving"] = clip_upload(f"Driving clip{none}", "a-driving")
        self._add_slot("driving")
        names = ("drivingMultiplier", "normalizeLip", "animationRegion")
        self.params |= zip(names, settings_controls("a"), strict=True)

    def _add_face_and_motion(self) -> None:
        label, kinds = _OF_MESH if self._is_mesh else _OF_LIVEPORTRAIT
        with gr.Accordion("Another face, or key frames", open=False):
            self.edit: Any = gr.Textbox(
                label="The face it begins with (smile=0.6,yaw=-8)", elem_id="a-edit",
                info="The Edit page writes it.",
            )  # fmt: skip
            self._add_slot("edit")
            self.files["motion"] = gr.File(
                label=label, file_types=kinds, height=140, elem_id="a-motion"
            )
            self._add_slot("motion")

    def _follow_species(self) -> None:
        """Let what is usual for the species follow it."""
        species = self.params["species"]
        species.change(
            lambda name: (
                multiplier_of(name),
                gr.Checkbox(value=PASTED_BACK[Species(name)]),
                gr.Checkbox(value=True, interactive=name == Species.ANIMAL and not self._is_mesh),
            ),
            [species],
            [self.params["drivingMultiplier"], self.params["pasteback"], self._crops],
            show_progress="hidden",
        )

    @property
    def components(self) -> set[Any]:
        """What `asked` reads."""
        more = {self._speaking.text, self._speaking.speaker, self.edit, self._crops, self._clip}
        return {*self.files.values(), *self.params.values(), *more}

    def asked(self, values: Mapping[Any, Any]) -> Asked:
        """Return the request that the controls hold.

        Raises:
            InvalidRequest: a file is missing, or does not go with another.
            InvalidOption: the edit is none.
        """
        files = {name: values[each] for name, each in self.files.items()}
        params = {name: values[each] for name, each in self.params.items()}
        if Speaking.is_clip(values[self._speaking.speaker]):
            return Asked.of_clip(files, params=params)
        if values[self._clip]:
            files["portrait"] = values[self._clip]
        if params["species"] == Species.HUMAN:
            del params["facePoints"]
        elif not values[self._crops]:
            params["facePoints"] = "cropped"
        text = values[self._speaking.text] or ""
        asked = Asked.of(files, text=text, edit=values[self.edit] or "", params=params)
        if asked.moves_by_itself and not self._is_mesh:
            raise InvalidRequest("Bring a driving clip first.", field="input.driving")
        return asked

    @property
    def hinting(self) -> list[Any]:
        """What `hint` is given the values of."""
        names = ("portrait", "driving", "motion", "sound")
        return [self._speaking.speaker, self._clip, *(self.files[name] for name in names)]

    def hint(self, speaker: str, clip: Any, *files: Any) -> str:
        """Say what to do next, before anything was asked for."""
        portrait, driving, motion, sound = files
        if Speaking.is_clip(speaker):
            if driving and sound:
                return "Animate makes the clip speak."
            return "Bring a driving clip, and a sound that it is to say."
        if not (portrait or clip):
            return "Bring a portrait."
        if not (self._is_mesh or driving or motion):
            return "Bring a driving clip."
        return f"Animate makes it {'speak' if sound else 'move'}."

    def take_errors_away(self) -> None:
        """Let an error beside a file go when another is brought, or none."""
        for role, upload in self.files.items():
            for event in (upload.upload, upload.clear):
                event(lambda: shown_error(""), None, self.slots[role], show_progress="hidden")

    def without_errors(self) -> dict[Any, Any]:
        """Return the outputs that take all errors away."""
        return {each: shown_error("") for each in self.slots.values()}

    def error_at(self, field: str | None, words: str) -> dict[Any, Any]:
        """Return the output that says an error beside the control of its field, if it has one."""
        return {
            self.slots[name]: shown_error(words)
            for beginning, name in _SLOTS.items()
            if field is not None and field.startswith(beginning)
        }
