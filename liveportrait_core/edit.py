"""A portrait's expression and pose as its user sets them, relative to the picture.

Values only. The edited face is what the animation begins with. How an engine draws an edit is in
`engines`; names, ranges and defaults are those of contract.md, section 2.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeGuard

from liveportrait_core.errors import InvalidOption

_DECIMALS = 4


class InvalidSlider(InvalidOption):
    """A slider is unknown, or its value is no number."""

    def __init__(self, message: str = "", *, name: str = "") -> None:
        super().__init__(message)
        self.name = name  # in camel case


def camel_case(name: str) -> str:
    """Return a Python name as JSON, documents and the log spell it: `eyesOpen`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _is_number(value: object) -> TypeGuard[int | float]:
    is_real = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return is_real and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Slider:
    """What one field of an edit may be."""

    low: float
    high: float
    step: float
    label: str  # for a page
    unit: str = ""
    of_picture: bool = False  # at rest it has the picture's value: its default is None


def _slider(low: float, high: float, step: float, label: str, unit: str = "") -> Any:
    return field(default=0.0, metadata={"slider": Slider(
        low=low, high=high, step=step, label=label, unit=unit
    )})  # fmt: skip


def _opening(label: str) -> Any:
    slider = Slider(low=0, high=0.8, step=0.01, label=label, unit="of its width", of_picture=True)
    return field(default=None, metadata={"slider": slider})


@dataclass(frozen=True, kw_only=True)
class PortraitEdit:
    """How a face is changed before it is animated; without arguments: not at all.

    Left and right are those of the picture. The web page of the original LivePortrait has the same
    sliders and ranges, but for `wink_right`; there, `silent` is a switch, and for clips only.
    """

    eyes_open: float | None = _opening("Eyes open")  # None: as in the picture
    lips_open: float | None = _opening("Lips open")
    pitch: float = _slider(-15, 15, 1, "Nod", "degrees")
    yaw: float = _slider(-25, 25, 1, "Turn", "degrees")
    roll: float = _slider(-15, 15, 1, "Tilt", "degrees")
    x: float = _slider(-0.19, 0.19, 0.01, "Move sideways", "of half the crop")
    y: float = _slider(-0.19, 0.19, 0.01, "Move up or down", "of half the crop")
    z: float = field(
        default=1.0,
        metadata={"slider": Slider(low=0.9, high=1.2, step=0.01, label="Size", unit="times")},
    )
    gaze_x: float = _slider(-30, 30, 0.01, "Look sideways")
    gaze_y: float = _slider(-63, 63, 0.01, "Look up or down")
    smile: float = _slider(-0.3, 1.3, 0.01, "Smile")
    wink_left: float = _slider(0, 39, 0.01, "Wink, left eye")
    wink_right: float = _slider(0, 39, 0.01, "Wink, right eye")
    eyebrow: float = _slider(-30, 30, 0.01, "Eyebrows")
    pout: float = _slider(-0.09, 0.09, 0.01, "Pout")
    purse: float = _slider(-20, 15, 0.01, "Purse the lips")
    grin: float = _slider(0, 15, 0.01, "Grin")
    lips: float = _slider(-90, 120, 1, "Lips, closed to open")
    silent: float = _slider(0, 1, 0.01, "Face at rest, eyes aside", "of a closed mouth's")

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not math.isfinite(value):
                raise InvalidOption(f"edit {name} is {value}; accepted: a number")

    @property
    def is_rest(self) -> bool:
        """Whether it changes nothing: the picture stays as it is, to the pixel."""
        return not self.changed

    @property
    def changed(self) -> Mapping[str, float]:
        """The fields that are not at rest, in their order."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != each.default
        }

    @property
    def sets_lips(self) -> bool:
        """Whether it says how far the lips are open."""
        return self.lips_open is not None or self.lips != 0

    def beyond(self) -> Iterator[str]:
        """Yield the fields whose value is outside the slider's range."""
        for name, value in self.changed.items():
            slider = SLIDERS[name]
            if not slider.low <= value <= slider.high:
                yield name

    def clamped(self) -> Self:
        """Return the nearest edit within the ranges."""
        nearest = {
            name: min(max(getattr(self, name), SLIDERS[name].low), SLIDERS[name].high)
            for name in self.beyond()
        }
        return replace(self, **nearest)

    def require_in_range(self) -> None:
        """Refuse values that no slider has.

        Raises:
            InvalidOption: names the first one.
        """
        for name in self.beyond():
            slider = SLIDERS[name]
            raise InvalidOption(
                f"edit {name} is {getattr(self, name):g}; accepted: {slider.low:g} to "
                f"{slider.high:g}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `smile=0.6,yaw=-8`.

        Raises:
            InvalidOption: an unknown name, a name twice, no number, or one outside its range.
        """
        values: dict[str, float] = {}
        for part in filter(None, (each.strip() for each in text.split(","))):
            name, _, number = (each.strip() for each in part.partition("="))
            name = name.replace("-", "_")
            if name not in SLIDERS:
                raise InvalidOption(f"edit {name!r} is unknown; accepted: {', '.join(SLIDERS)}")
            if name in values:
                raise InvalidOption(f"edit {name} is given twice; accepted: once")
            try:
                values[name] = float(number)
            except ValueError:
                raise InvalidOption(
                    f"edit {name} is {number!r}; accepted: a number, as in {name}=0.5"
                ) from None
        edit = cls(**values)
        edit.require_in_range()
        return edit

    @classmethod
    def from_fields(cls, values: Mapping[str, object]) -> tuple[Self, bool]:
        """Read a JSON map with camel-case names, to four decimals.

        Returns the edit within the ranges, and whether a value was beyond them. None is rest.

        Raises:
            InvalidSlider: an unknown name, or a value that is no number.
        """
        given: dict[str, float] = {}
        for name, value in values.items():
            field_name = FIELD_NAMES.get(name)
            if field_name is None:
                accepted = ", ".join(FIELD_NAMES)
                raise InvalidSlider(f"the slider is unknown; accepted: {accepted}", name=name[:40])
            slider = SLIDERS[field_name]
            if value is None:
                continue
            if not _is_number(value):
                raise InvalidSlider(
                    f"{name} is {value!r:.80}; accepted: a number from {slider.low:g} to "
                    f"{slider.high:g}",
                    name=name,
                )
            given[field_name] = float(min(max(value, slider.low), slider.high))
        rounded = {name: round(value, _DECIMALS) for name, value in given.items()}
        clamped = any(
            given[FIELD_NAMES[name]] != value for name, value in values.items() if value is not None
        )
        return cls(**rounded), clamped

    def as_fields(self) -> dict[str, float]:
        """Return what `from_fields` reads."""
        return {camel_case(name): value for name, value in self.changed.items()}

    def __str__(self) -> str:
        """As `parse` reads it."""
        return ",".join(f"{name}={value!r}" for name, value in self.changed.items())


SLIDERS: Mapping[str, Slider] = {
    each.name: each.metadata["slider"] for each in fields(PortraitEdit)
}
"""What each field may be, in the order of the fields."""

FIELD_NAMES: Mapping[str, str] = {camel_case(name): name for name in SLIDERS}
"""The fields by their names in JSON."""

REST = PortraitEdit()
