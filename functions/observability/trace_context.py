"""Read the trace of a request from its headers, and make the header that passes it on.

Pure. Knows the two wire formats: W3C's `traceparent`, and `X-Cloud-Trace-Context`, which Google's
front ends add where a caller sends neither.
"""

import re
from dataclasses import dataclass
from typing import Self

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-"
    r"(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_CLOUD = re.compile(
    r"(?P<trace>[0-9a-fA-F]{32})(?:/(?P<span>[0-9]{1,20}))?(?:;o=(?P<flags>[0-9]))?"
)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


@dataclass(frozen=True, kw_only=True)
class TraceContext:
    """A trace, and a span in it."""

    trace_id: str  # 32 hex digits
    span_id: str  # 16 hex digits; zeros: the span is unknown
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The W3C header that makes a receiver's work part of this trace."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    @property
    def has_span(self) -> bool:
        """Whether there is a span to be a child of."""
        return self.span_id != _NO_SPAN

    @classmethod
    def of_headers(cls, traceparent: str | None, cloud: str | None) -> Self | None:
        """Read the headers; prefer the W3C format.

        Args:
            traceparent: the header of this name.
            cloud: the header `X-Cloud-Trace-Context`.

        Returns:
            None where neither can be read: a malformed header is no reason to refuse a request.
        """
        return cls._of_traceparent(traceparent or "") or cls._of_cloud(cloud or "")

    @classmethod
    def _of_traceparent(cls, header: str) -> Self | None:
        found = _TRACEPARENT.fullmatch(header.strip())
        if found is None or found["version"] == "ff":
            return None
        if found["version"] == "00" and found["more"]:
            return None
        if found["trace"] == _NO_TRACE or found["span"] == _NO_SPAN:
            return None
        sampled = bool(int(found["flags"], 16) & 1)
        return cls(trace_id=found["trace"], span_id=found["span"], sampled=sampled)

    @classmethod
    def _of_cloud(cls, header: str) -> Self | None:
        found = _CLOUD.fullmatch(header.strip())
        if found is None or found["trace"] == _NO_TRACE:
            return None
        span = int(found["span"] or "0")
        if span >= 1 << 64:
            return None
        return cls(
            trace_id=found["trace"].lower(),
            span_id=f"{span:016x}",
            sampled=found["flags"] == "1",
        )
