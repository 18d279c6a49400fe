"""Things drawn before a face: sunglasses, a patch, hair, a hand, a mask, a microphone, a strand."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from liveportrait_core.face.detector import Points
from liveportrait_core.report import Frame

Cover = Callable[[Frame, "Face"], Frame]

JAW = (
    *(234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """Where to draw: 478×2 or 3 points of the face as it is without anything before it."""

    points: Points

    def eye(self, side: int) -> NDArray[np.floating]:
        return self.points[[33, 133] if side == 0 else [362, 263], :2].mean(0)

    @property
    def mouth(self) -> NDArray[np.floating]:
        return self.points[[13, 14], :2].mean(0)

    @property
    def unit(self) -> float:
        """The distance between the eyes, pixels."""
        return float(np.linalg.norm(self.eye(1) - self.eye(0)))


def _over(picture: Frame, shape: NDArray[np.uint8], colour: NDArray[np.floating]) -> Frame:
    soft = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.clip(picture * (1 - soft) + colour * soft, 0, 255).astype(np.uint8)


def _ellipse(
    picture: Frame, centre: NDArray[np.floating], axes: tuple[float, float]
) -> NDArray[np.uint8]:
    shape = np.zeros(picture.shape[:2], np.uint8)
    middle = (round(float(centre[0])), round(float(centre[1])))
    cv2.ellipse(shape, middle, (round(axes[0]), round(axes[1])), 0, 0, 360, 1, cv2.FILLED)
    return shape


def sunglasses(*colours: tuple[int, int, int]) -> Cover:
    """Lenses of these colours, from above down."""

    def cover(picture: Frame, face: Face) -> Frame:
        out = picture
        for side in (0, 1):
            centre = face.eye(side) + np.array([0, 0.06 * face.unit])
            shape = _ellipse(picture, centre, (0.44 * face.unit, 0.33 * face.unit))
            rows = np.flatnonzero(shape.any(1))
            place = (np.arange(len(shape)) - rows[0]) / len(rows) * len(colours)
            chosen = np.clip(place.astype(int), 0, len(colours) - 1)
            out = _over(out, shape, np.array(colours, float)[chosen][:, None])
        return out

    return cover


def bar(picture: Frame, face: Face) -> Frame:
    """A black bar across both eyes."""
    out, (left, right) = picture.copy(), (face.eye(0), face.eye(1))
    around = face.unit * np.array([0.6, 0.25])
    low, high = np.rint(left - around), np.rint(right + around)
    cv2.rectangle(out, low.astype(int).tolist(), high.astype(int).tolist(), (0, 0, 0), cv2.FILLED)
    return out


def patch(side: int, colour: tuple[int, int, int]) -> Cover:
    """A patch over one eye."""

    def cover(picture: Frame, face: Face) -> Frame:
        shape = _ellipse(picture, face.eye(side), (0.42 * face.unit, 0.34 * face.unit))
        cloth = np.random.default_rng(1).normal(colour, 4, picture.shape)
        return _over(picture, shape, cloth)

    return cover


def hair(side: int, start: float, end: float, colours: tuple[tuple[int, int, int], ...]) -> Cover:
    """Strands that hang over one eye, from and to eye distances right of its middle."""

    def cover(picture: Frame, face: Face) -> Frame:
        out, random, unit = picture.copy(), np.random.default_rng(3), face.unit
        centre = face.eye(side)
        for _ in range(round((end - start) / 0.02)):
            x = centre[0] + unit * random.uniform(start, end)
            down = np.linspace(-random.uniform(0.7, 1.1), random.uniform(0.6, 1.4), 16) * unit
            bend = random.normal(0, 0.05) * unit * np.sin(np.linspace(0, 2.5, 16))
            line = np.stack([x + bend, centre[1] + down], axis=1)
            tint = np.clip(colours[random.integers(len(colours))] + random.normal(0, 8, 3), 0, 255)
            width = max(1, round(0.02 * unit))
            cv2.polylines(out, [np.rint(line).astype(np.int32)], False, tint.tolist(), width)
        return out

    return cover


def strand(
    picture: Frame, face: Face, places: tuple[tuple[float, float], ...], width: float
) -> NDArray[np.float32]:
    """Return how opaque a smooth line is, H×W.

    Args:
        picture: H×W×3.
        face: before which it hangs.
        places: it goes through, eye distances right and down of the middle between the eyes.
        width: in eye distances, one pixel at least.
    """
    run = np.linspace(0, 1, len(places))
    smooth = PchipInterpolator(run, np.array(places))(np.linspace(0, 1, 40))
    across = (face.eye(1) - face.eye(0)) / face.unit
    axes = face.unit * np.array([across, [-across[1], across[0]]])
    line = (face.eye(0) + face.eye(1)) / 2 + smooth @ axes
    finer, (height, rest) = 4, picture.shape[:2]
    shape = np.zeros((finer * height, finer * rest), np.uint8)
    fixed = np.rint(16 * (finer * (line + 0.5) - 0.5)).astype(np.int32)
    wide = max(finer, round(finer * width * face.unit))
    cv2.polylines(shape, [fixed], False, 255, wide, cv2.LINE_AA, shift=4)
    small = cv2.resize(shape, (rest, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def hand(side: int) -> Cover:
    """Skin where an eye was."""

    def cover(picture: Frame, face: Face) -> Frame:
        shape = _ellipse(picture, face.eye(side), (0.38 * face.unit, 0.26 * face.unit))
        skin = cv2.inpaint(picture, shape, 3, cv2.INPAINT_TELEA)
        return _over(picture, shape, skin + np.random.default_rng(1).normal(0, 3, picture.shape))

    return cover


def mask(colour: tuple[int, int, int]) -> Cover:
    """A mask with pleats, from the nose to the chin."""

    def cover(picture: Frame, face: Face) -> Frame:
        rim = face.points[[*JAW, 425, 5, 205], :2]
        shape = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(shape, [rim.astype(np.int32)], 1)
        pleats = np.sin(np.arange(len(shape)) / (0.09 * face.unit)) > 0.75
        cloth = np.array(colour) * np.where(pleats, 0.88, 1.0)[:, None, None]
        return _over(picture, shape, cloth + np.random.default_rng(1).normal(0, 3, picture.shape))

    return cover


def microphone(picture: Frame, face: Face) -> Frame:
    """A dark ball before the lips, and its handle."""
    unit, centre = face.unit, face.mouth + np.array([0, 0.1 * face.unit])
    out, end = picture.copy(), centre + unit * np.array([0.5, 2.2])
    start, stop = (np.rint(place).astype(int).tolist() for place in (centre, end))
    cv2.line(out, start, stop, (30, 30, 33), round(0.3 * unit))
    shape = _ellipse(picture, centre, (0.42 * unit, 0.42 * unit))
    rows, columns = np.indices(shape.shape)
    away = np.hypot(columns - centre[0] + 0.15 * unit, rows - centre[1] + 0.15 * unit)
    light = np.clip(1.2 - 1.5 * away / unit, 0.3, 1.3)[..., None]
    return _over(out, shape, np.array([50, 50, 55]) * light)


def scarf(picture: Frame, face: Face) -> Frame:
    """Striped cloth from the nose down."""
    out = picture.copy()
    stripes = 40 * np.sin(np.arange(picture.shape[1]) / (0.12 * face.unit))[:, None]
    top = round(float(face.points[1, 1] + 0.1 * face.unit))
    out[top:] = np.clip(stripes + np.array([150, 40, 50]), 0, 255).astype(np.uint8)
    return out
