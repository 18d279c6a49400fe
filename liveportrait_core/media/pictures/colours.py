"""From a picture's own colours to sRGB on black, a strip at a time.

A profile applies to the colours alone, whatever holds them: a palette, grey, or beside an opacity,
which it leaves as it is. Knows nothing of files and sizes.
"""

import io
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from PIL import Image, ImageCms

_SIXTEEN_BIT_GREY: Final = ("I;16", "I;16B", "I;16L")
_GREY: Final = ("1", "L", "LA", "La", *_SIXTEEN_BIT_GREY)
# The modes whose values a profile of this colour space can describe, and the mode it is applied in.
_APPLIED_IN: Final = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}


@dataclass(frozen=True, kw_only=True)
class _Layers:
    """A strip's colours, and its opacity where it has one."""

    colours: Image.Image
    opacity: Image.Image | None = None


@dataclass(frozen=True, kw_only=True)
class SrgbConversion:
    """How the strips of one picture come to sRGB; made once for all of them."""

    transform: ImageCms.ImageCmsTransform | None  # None: they are sRGB
    mode: str = "RGB"  # of the colours that `transform` takes

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        """Read a picture's profile; one that is broken or describes other colours says nothing."""
        content = image.info.get("icc_profile")
        if not content:
            return cls(transform=None)
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
            mode = _APPLIED_IN.get(profile.profile.xcolor_space, "")
            if not _describes(mode, image.mode):
                return cls(transform=None)
            srgb = ImageCms.createProfile("sRGB")
            return cls(transform=ImageCms.buildTransform(profile, srgb, mode, "RGB"), mode=mode)
        except (ImageCms.PyCMSError, OSError, TypeError):
            return cls(transform=None)  # viewers show it as sRGB

    def flattened(self, strip: Image.Image) -> tuple[Image.Image, bool]:
        """Give a strip as RGB on black, and whether anything shows through it."""
        layers = _parted(strip)
        colours = self._converted(layers.colours)
        if layers.opacity is None or layers.opacity.getextrema()[0] == 255:
            return colours, False
        colours.putalpha(layers.opacity)
        black = Image.new("RGBA", colours.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, colours).convert("RGB"), True

    def _converted(self, colours: Image.Image) -> Image.Image:
        if self.transform is None:
            return colours.convert("RGB")
        converted = ImageCms.applyTransform(colours.convert(self.mode), self.transform)
        if converted is None:
            raise ValueError("a conversion of colours gave nothing")
        return converted


def _describes(profile_mode: str, image_mode: str) -> bool:
    """Tell whether a picture's values can be what the profile describes; RGB describes grey too."""
    if profile_mode == "L":
        return image_mode in _GREY
    if profile_mode == "CMYK":
        return image_mode == "CMYK"
    return profile_mode == "RGB" and image_mode not in ("CMYK", "LAB")


def _parted(strip: Image.Image) -> _Layers:
    if strip.mode in _SIXTEEN_BIT_GREY:
        return _high_bytes(strip)
    if not strip.has_transparency_data:
        return _Layers(colours=strip)
    layered = strip.convert("RGBA")
    opacity = layered.getchannel("A")
    layered = layered.convert("RGB")
    if strip.mode in _GREY:
        layered = layered.getchannel("R")  # all three are alike, and a profile of grey takes one
    return _Layers(colours=layered, opacity=opacity)


def _high_bytes(strip: Image.Image) -> _Layers:
    """Convert sixteen bits of grey to eight: Pillow would clip them to 255 instead."""
    values = np.asarray(strip)
    colours = Image.fromarray((values >> 8).astype(np.uint8))
    hole = strip.info.get("transparency")  # PNG: the one value that shows through
    if not isinstance(hole, int):
        return _Layers(colours=colours)
    return _Layers(
        colours=colours, opacity=Image.fromarray(np.where(values == hole, 0, 255).astype(np.uint8))
    )
