"""That a picture or a video is synthetic, as IPTC words it and XMP carries it.

Values: https://cv.iptc.org/newscodes/digitalsourcetype/; the field: IPTC Photo Metadata, "Digital
Source Type". Why each engine has which: decision 10 (docs/understand/decisions).
"""

import re
from enum import StrEnum
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from liveportrait_core.options import Engine

_STATED: Final = re.compile(rb"DigitalSourceType[^>]{1,40}digitalsourcetype/(\w{1,40})")
_VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class DigitalSource(StrEnum):
    """How a file came about."""

    TRAINED = "trainedAlgorithmicMedia"  # by a model that was trained on samples
    ALGORITHMIC = "algorithmicMedia"  # by an algorithm alone


def origin_of(engine: Engine) -> DigitalSource:
    """Give what the files of an engine say."""
    return DigitalSource.ALGORITHMIC if engine is Engine.MESH else DigitalSource.TRAINED


def stated_origin(path: Path) -> str | None:
    """Return how a file says that it came about, as IPTC words it; None: it says nothing.

    Of our files, and of others whose XMP packet lies in them as text.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        found = _STATED.search(content)
        return None if found is None else found.group(1).decode()


def xmp_of(origin: DigitalSource) -> bytes:
    """Give the XMP packet that says it: the same bytes every time, without a date or a version."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about=""\n'
        '   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\n'
        f'   Iptc4xmpExt:DigitalSourceType="{_VOCABULARY}{origin}"/>\n'
        " </rdf:RDF>\n"
        "</x:xmpmeta>\n"
        '<?xpacket end="r"?>'
    ).encode()
