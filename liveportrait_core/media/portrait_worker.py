"""The program that decodes one portrait: `portrait_worker FILE MAX_DIM_PX`.

Writes one line of JSON to standard output and, where the portrait was read, its pixels. Imports
what decoding needs and no more, since every portrait waits for it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from liveportrait_core.errors import BadInput
from liveportrait_core.media.pictures.image import Portrait, read_portrait


def main(arguments: list[str]) -> None:
    """Decode the file that is named first, to at most as many pixels a side as named second."""
    path, max_dim_px = Path(arguments[0]), int(arguments[1])
    try:
        portrait = read_portrait(path, max_dim_px=max_dim_px)
    except BadInput as refused:
        _write({"refused": type(refused).__name__, "message": str(refused)})
    except MemoryError:
        _write({"refused": MemoryError.__name__, "message": ""})
    else:
        _write(_described(portrait), portrait)


def _described(portrait: Portrait) -> dict[str, Any]:
    height, width, _ = portrait.pixels.shape
    warnings = [warning.value for warning in portrait.warnings]
    return {"height": height, "width": width, "warnings": warnings}


def _write(said: dict[str, Any], portrait: Portrait | None = None) -> None:
    output = sys.stdout.buffer
    output.write(json.dumps(said).encode() + b"\n")
    if portrait is not None:
        output.write(portrait.pixels.data)
    output.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
