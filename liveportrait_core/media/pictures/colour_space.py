"""A colour space by its primaries and its curve, as numbers; the ICC profile of one.

Code points are those of ITU-T H.273, which AVIF, HEIF and PNG use.
"""

import struct
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.media.pictures.item_boxes import CodePoints

Floats = NDArray[np.float64]
Point = tuple[float, float]  # x, y of CIE 1931

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
_D50_XYZ: Final = np.array([0.9642, 1.0, 0.8249])  # the white of ICC profiles
_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_CURVE_POINTS: Final = 1021  # four intervals for each level of eight bits
_NEARLY: Final = 0.002  # files round primaries
_LARGEST_SCALE: Final = 10.0


class Curve(Enum):
    """From level to light, where it is no power."""

    SRGB = auto()
    PQ = auto()
    HLG = auto()


@dataclass(frozen=True, kw_only=True)
class Primaries:
    """Red, green, blue and white."""

    red: Point
    green: Point
    blue: Point
    white: Point = _D65

    def to_xyz(self) -> Floats:
        """Return the 3×3 matrix from light of the primaries to XYZ, whose white has Y = 1.

        Raises:
            ValueError: they span no triangle.
        """
        points = (self.red, self.green, self.blue, self.white)
        if min(y for _, y in points) <= 0:
            raise ValueError("a colour without light")
        columns = np.array([_xyz_of(point) for point in points]).T
        scales = np.linalg.inv(columns[:, :3]) @ columns[:, 3]
        # Those of every real space are between 0.06 and 1.2; on one line they grow without bound.
        if not (np.isfinite(scales).all() and np.abs(scales).max() < _LARGEST_SCALE):
            raise ValueError("primaries that span no triangle")
        return columns[:, :3] * scales


BT709: Final = Primaries(red=(0.64, 0.33), green=(0.30, 0.60), blue=(0.15, 0.06))
_EBU: Final = Primaries(red=(0.64, 0.33), green=(0.29, 0.60), blue=(0.15, 0.06))
_SMPTE: Final = Primaries(red=(0.630, 0.340), green=(0.310, 0.595), blue=(0.155, 0.070))
_P3: Final = {"red": (0.680, 0.320), "green": (0.265, 0.690), "blue": (0.150, 0.060)}
_PRIMARIES: Final = {
    1: BT709,
    2: BT709,  # not said
    4: Primaries(red=(0.67, 0.33), green=(0.21, 0.71), blue=(0.14, 0.08), white=_C),
    5: _EBU,
    6: _SMPTE,
    7: _SMPTE,
    8: Primaries(red=(0.681, 0.319), green=(0.243, 0.692), blue=(0.145, 0.049), white=_C),
    9: Primaries(red=(0.708, 0.292), green=(0.170, 0.797), blue=(0.131, 0.046)),
    11: Primaries(**_P3, white=(0.314, 0.351)),
    12: Primaries(**_P3),
    22: Primaries(red=(0.630, 0.340), green=(0.295, 0.605), blue=(0.155, 0.077)),
}
# BT.709's kinsmen describe cameras. Screens show their levels as sRGB's, and so are clips read.
_CURVES: Final[dict[int, Curve | float]] = {
    **dict.fromkeys((1, 2, 6, 7, 11, 12, 13, 14, 15), Curve.SRGB),
    4: 2.2, 5: 2.8, 8: 1.0, 16: Curve.PQ, 17: 2.6, 18: Curve.HLG,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ColourSpace:
    """What the levels of RGB mean."""

    primaries: Primaries = BT709
    curve: Curve | float = Curve.SRGB  # a number: the exponent from level to light
    is_full_range: bool = True  # else black is 16 and white 235 of 255

    @property
    def is_srgb(self) -> bool:
        """Whether nothing has to be converted."""
        return self.is_full_range and self.curve is Curve.SRGB and self.has_srgb_primaries

    @property
    def is_hdr(self) -> bool:
        """Whether it must be tone-mapped: no profile can say how."""
        return self.curve in (Curve.PQ, Curve.HLG)

    @property
    def has_srgb_primaries(self) -> bool:
        """Whether the primaries are sRGB's, as far as files round them."""
        pairs = zip(_points(self.primaries), _points(BT709), strict=True)
        return all(abs(own - other) < _NEARLY for own, other in pairs)

    def signal(self, levels: Floats) -> Floats:
        """Give the signal 0..1, from black to white, of levels 0..1."""
        return levels if self.is_full_range else np.clip((levels * 255 - 16) / 219, 0, 1)

    def profile(self) -> bytes:
        """Write it as an ICC profile, for what is no HDR (ICC.1, version 2, matrix and curves).

        Raises:
            ValueError: its primaries span no triangle.
        """
        colours = _adapted_to_d50(self.primaries)
        light = _light(self.signal(np.linspace(0, 1, _CURVE_POINTS)), self.curve)
        levels = np.round(light * 65535).astype(">u2")
        curve = b"curv\0\0\0\0" + struct.pack(">I", _CURVE_POINTS) + levels.tobytes()
        tags = [(b"wtpt", _xyz(_D50_XYZ))]
        tags += [(tag, _xyz(colours[:, at])) for at, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
        tags += [(tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")]
        return _icc_profile(tags)


def colour_space_of(points: CodePoints) -> ColourSpace | None:
    """Return the colour space that code points name; None: they name none that is known here."""
    primaries, curve = _PRIMARIES.get(points.primaries), _CURVES.get(points.transfer)
    if primaries is None or curve is None:
        return None
    return ColourSpace(primaries=primaries, curve=curve)


def to_bt709(primaries: Primaries) -> Floats:
    """Return the 3×3 matrix from light of the primaries to that of BT.709, white to white."""
    return np.linalg.inv(_adapted_to_d50(BT709)) @ _adapted_to_d50(primaries)


def _light(signal: Floats, curve: Curve | float) -> Floats:
    """Give the light of a signal that is no HDR; both 0..1."""
    if isinstance(curve, float):
        return np.asarray(signal**curve, np.float64)
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)


def _points(primaries: Primaries) -> tuple[float, ...]:
    return (*primaries.red, *primaries.green, *primaries.blue, *primaries.white)


def _xyz_of(point: Point) -> tuple[float, float, float]:
    """Return XYZ of a colour with Y = 1."""
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _adapted_to_d50(primaries: Primaries) -> Floats:
    """Return the matrix of `to_xyz` as it looks under the white of profiles."""
    to_xyz = primaries.to_xyz()
    cones = _BRADFORD @ np.array(_xyz_of(primaries.white))
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50_XYZ / cones) @ _BRADFORD
    adapted: Floats = adaptation @ to_xyz
    if not np.abs(adapted).max() < _LARGEST_SCALE:
        raise ValueError("a white that is none")
    return adapted


def _xyz(values: Floats) -> bytes:
    """Write three numbers of 16 bits before the point and 16 behind it."""
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _icc_profile(tags: list[tuple[bytes, bytes]]) -> bytes:
    places: dict[bytes, int] = {}
    table, content = struct.pack(">I", len(tags)), b""
    begins = 128 + 4 + 12 * len(tags)
    for name, body in tags:
        if body not in places:
            places[body] = begins + len(content)
            content += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, places[body], len(body))
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x12s48x",
        128 + len(table) + len(content), 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp",
        _xyz(_D50_XYZ)[8:],
    )  # fmt: skip
    return head + table + content
