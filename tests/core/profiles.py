"""ICC profiles for tests, written here: with other primaries than sRGB, and of grey."""

import struct

from PIL import ImageCms

# Display P3's red, green and blue, adapted to D50, as telephones write them.
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
BT2020 = ((0.67348, 0.27904, -0.00193), (0.16566, 0.67533, 0.02998), (0.12505, 0.04561, 0.79686))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(
    primaries: tuple[tuple[float, float, float], ...] = P3, *, gamma: float | None = None
) -> bytes:
    """The sRGB profile with other primaries, and where it is given with this power as its curve."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    for tag, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        (at,) = struct.unpack_from(">I", profile, entries[tag] + 4)
        profile[at + 8 : at + 20] = _numbers(primary)
    for tag in (b"rTRC", b"gTRC", b"bTRC") if gamma else ():
        (at,) = struct.unpack_from(">I", profile, entries[tag] + 4)
        assert profile[at : at + 10] == b"para\0\0\0\0\0\3"  # (a·x + b)^g from d on, else c·x
        profile[at + 12 : at + 32] = struct.pack(">5i", round((gamma or 1) * 65536), 65536, 0, 0, 0)
    return bytes(profile)


def grey_profile(gamma: float) -> bytes:
    """A profile of grey (ICC.1, version 2): a white point and a curve."""
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + _numbers(_D50),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0),
    }
    table, content = struct.pack(">I", len(tags)), b""
    for tag, body in tags.items():
        table += struct.pack(">4sII", tag, 132 + 12 * len(tags) + len(content), len(body))
        content += body
    head = struct.pack(
        ">4xI4s4s4s12x4s28x12s48x",
        0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp", _numbers(_D50),
    )  # fmt: skip
    return struct.pack(">I", 128 + len(table) + len(content)) + head + table + content


def _numbers(values: tuple[float, ...]) -> bytes:
    """XYZ as s15Fixed16."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
