"""That a picture or a video is synthetic, as IPTC words it and XMP carries it.

Values: https://cv.iptc.org/newscodes/digitalsourcetype/; the field: IPTC Photo Metadata, "Digital
Source Type". Why each engine has which: decision 10 (docs/understand/decisions).
"""

from enum import StrEnum
from typing import Final

from liveportrait_core.options import Engine

_VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class DigitalSource(StrEnum):
    """How a file came about."""

    TRAINED = "trainedAlgorithmicMedia"  # by a model that was trained on samples
    ALGORITHMIC = "algorithmicMedia"  # by an algorithm alone


def origin_of(engine: Engine) -> DigitalSource:
    """Give what the files of an engine say."""
    return DigitalSource.ALGORITHMIC if engine is Engine.MESH else DigitalSource.TRAINED


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
