"""OpenTelemetry's own variables decide whether anything leaves the process."""

import pytest

from functions.errors import InvalidSetting
from functions.otel_settings import Exported, exported

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "spans", "metrics"),
    [
        ({}, False, False),
        (HERE, True, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, False, True),
        ({**HERE, "OTEL_TRACES_EXPORTER": "none"}, False, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, True, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/v1/metrics"}, False, True),
        ({**HERE, "OTEL_SDK_DISABLED": "true"}, False, False),
        ({**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, True),
        ({**HERE, "OTEL_TRACES_EXPORTER": ""}, True, True),
    ],
)
def test_what_is_exported(environment: dict[str, str], spans: bool, metrics: bool) -> None:
    found = exported(environment)
    assert (found.spans, found.metrics) == (spans, metrics)
    assert found.anything is (spans or metrics)


def test_the_service_has_the_name_that_was_given_or_cloud_runs() -> None:
    assert exported({}).service == Exported.service
    assert exported({"K_SERVICE": "idle-gate"}).service == "idle-gate"
    assert exported({"K_SERVICE": "idle-gate", "OTEL_SERVICE_NAME": "a"}).service == "a"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER is 'jaeger'; accepted: otlp"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "OTEL_METRICS_EXPORTER is 'prometheus'"),
        ({**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "PROTOCOL is 'grpc'; accepted: http/"),
        (
            {**HERE, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is 'http/json'",
        ),
    ],
)
def test_an_exporter_that_is_not_installed_is_refused(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidSetting, match=words):
        exported(environment)


def test_a_protocol_does_not_matter_where_nothing_is_exported() -> None:
    assert not exported({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}).anything
