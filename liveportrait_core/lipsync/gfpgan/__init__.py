"""GFPGAN sharpens a face that was painted small. Parts of it are for non-commercial use only."""

from pathlib import Path
from typing import Final

PLACE: Final = Path("gfpgan") / "GFPGANv1.4.pth"
"""In the weights folder. It stands here so that looking for the file does not load torch."""
