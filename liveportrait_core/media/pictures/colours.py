"""From a picture's own colours to sRGB on black, a strip at a time.

What is stated of colours applies to them alone, whatever holds them: a palette, grey, or beside an
opacity, which it leaves as it is. Knows nothing of files and sizes.
"""

import io
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from PIL import Image, ImageCms

from liveportrait_core.media.pictures.stated_colours import StatedColours

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

    transform: ImageCms.ImageCmsTransform | None = None  # None: they are sRGB
    mode: str = "RGB"  # of the colours that `transform` takes

    @classmethod
    def of(cls, image: Image.Image, stated: StatedColours) -> Self:
        """Prepare for what is stated and no HDR; what is broken or of other colours is nothing."""
        profile, space = stated.profile, stated.space
        try:
            if space is not None and not space.is_srgb:
                profile = space.profile()
            return cls._by_profile(image, profile) if profile else cls()
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return cls()  # viewers show it as sRGB

    @classmethod
    def _by_profile(cls, image: Image.Image, content: bytes) -> Self:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        mode = _APPLIED_IN.get(profile.profile.xcolor_space, "")
        if not _describes(mode, image.mode):
            return cls()
        srgb = ImageCms.createProfile("sRGB")
        return cls(transform=ImageCms.buildTransform(profile, srgb, mode, "RGB"), mode=mode)

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
