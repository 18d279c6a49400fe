"""Read the variables of OpenTelemetry that decide whether anything is exported.

Pure: `settings` passes the environment in. Endpoints, headers, samplers and intervals are read by
the SDK itself, once something is exported.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.errors import InvalidSetting

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "http/protobuf"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The signals that this process exports, and the service name that they carry."""

    spans: bool = False
    metrics: bool = False
    service: str = "avatar-idle"

    @property
    def anything(self) -> bool:
        """Whether the SDK is needed at all."""
        return self.spans or self.metrics


NOTHING = Exported()


def exported(environment: Mapping[str, str]) -> Exported:
    """Return what the variables ask for; nothing by default.

    Raises:
        InvalidSetting: they ask for an exporter or a protocol that is not installed.
    """
    service = environment.get("OTEL_SERVICE_NAME") or environment.get("K_SERVICE")
    return Exported(
        spans=_signal(environment, "TRACES"),
        metrics=_signal(environment, "METRICS"),
        service=service or Exported.service,
    )


def _signal(environment: Mapping[str, str], name: str) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    variable = f"OTEL_{name}_EXPORTER"
    exporter = environment.get(variable, "").strip().lower()
    if exporter not in ("", "otlp", "none"):
        raise InvalidSetting(f"{variable} is {environment[variable]!r}; accepted: otlp, none")
    endpoint = f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT"
    wanted = bool(exporter or environment.get(_ENDPOINT) or environment.get(endpoint))
    if not wanted or exporter == "none":
        return False
    for variable in ("OTEL_EXPORTER_OTLP_PROTOCOL", f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL"):
        protocol = environment.get(variable) or _PROTOCOL
        if protocol != _PROTOCOL:
            raise InvalidSetting(f"{variable} is {protocol!r}; accepted: {_PROTOCOL}")
    return True
