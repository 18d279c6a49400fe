"""The headers that say which trace a request belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from functions.observability.trace_context import TraceContext

CLOUD = "105445aa7843bc8bf206b12000100000"
CONTEXTS = st.builds(
    TraceContext,
    trace_id=st.integers(1, (1 << 128) - 1).map(lambda number: f"{number:032x}"),
    span_id=st.integers(1, (1 << 64) - 1).map(lambda number: f"{number:016x}"),
    sampled=st.booleans(),
)


@given(CONTEXTS)
def test_what_is_handed_on_is_what_was_received(context: TraceContext) -> None:
    assert TraceContext.of_headers(context.traceparent, None) == context


@given(CONTEXTS)
def test_opentelemetry_reads_the_same(context: TraceContext) -> None:
    carrier = {"traceparent": context.traceparent}
    read = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    assert read.trace_id == int(context.trace_id, 16)
    assert read.span_id == int(context.span_id, 16)
    assert read.trace_flags.sampled == context.sampled


@given(CONTEXTS)
def test_googles_own_header_has_the_span_in_decimal(context: TraceContext) -> None:
    header = f"{context.trace_id}/{int(context.span_id, 16)};o={int(context.sampled)}"
    assert TraceContext.of_headers(None, header) == context


def test_the_w3c_header_wins() -> None:
    w3c = TraceContext(trace_id="a" * 32, span_id="b" * 16, sampled=True)
    assert TraceContext.of_headers(w3c.traceparent, f"{CLOUD}/1;o=0") == w3c
    garbled = TraceContext.of_headers("garbled", f"{CLOUD}/1;o=0")
    assert garbled is not None
    assert garbled.trace_id == CLOUD


@pytest.mark.parametrize("header", [CLOUD, f"{CLOUD};o=1", f"{CLOUD}/0"])
def test_a_trace_may_come_without_a_span(header: str) -> None:
    context = TraceContext.of_headers(None, header)
    assert context is not None
    assert (context.trace_id, context.has_span) == (CLOUD, False)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"ff-{'1' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 16}-01-more",
        f"00-{'A' * 32}-{'1' * 16}-01",
        f"00-{'1' * 31}-{'1' * 16}-01",
    ],
)
def test_a_header_that_is_none_is_no_trace(header: str) -> None:
    assert TraceContext.of_headers(header, None) is None


def test_a_later_version_of_the_header_is_read_as_far_as_it_is_known() -> None:
    context = TraceContext.of_headers(f"01-{'1' * 32}-{'2' * 16}-03-more", None)
    assert context == TraceContext(trace_id="1" * 32, span_id="2" * 16, sampled=True)


@pytest.mark.parametrize("header", ["x/1", f"{'0' * 32}/1;o=1", f"{CLOUD}/{1 << 64}", f"{CLOUD}/x"])
def test_googles_header_garbled_is_no_trace(header: str) -> None:
    assert TraceContext.of_headers(None, header) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_header_ever_hurts(traceparent: str, cloud: str) -> None:
    TraceContext.of_headers(traceparent, cloud)
