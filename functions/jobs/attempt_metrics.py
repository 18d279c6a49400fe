"""What one attempt at a render took and how it ended: told to the log and to the metrics alike.

The log's line is what alerts rest on (deploy/monitoring), because it needs no collector.
"""

from types import TracebackType
from typing import Self

from functions.errors import Code
from functions.jobs.ports import Clock
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome

_PLACES = 3


class AttemptMetrics:
    """Open while one attempt holds the render lock."""

    def __init__(
        self, clock: Clock, *, waited_s: float | None, device: str, usd_per_hour: float | None
    ) -> None:
        """Begin to count.

        Args:
            clock: this machine's.
            waited_s: from the wish to the claim; None for an attempt after the first.
            device: the renderer's: `cpu`, `cuda`, `cuda:0`.
            usd_per_hour: what an instance costs, where a price is set.
        """
        self._clock = clock
        self._began = clock.monotonic()
        self._waited_s = waited_s
        self._on_gpu = device.startswith("cuda")
        self._usd_per_hour = usd_per_hour
        # What is reported if the attempt never says how it ended: the lease runs out by itself.
        self._how, self._code = Outcome.RETRIED, Code.INTERNAL.value

    def ended(self, how: Outcome, code: Code | None = None) -> None:
        """Say how the attempt ended."""
        self._how, self._code = how, "" if code is None else code.value

    def __enter__(self) -> Self:
        if self._waited_s is not None:
            telemetry.queue_wait(self._waited_s)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        worked_s = self._clock.monotonic() - self._began
        telemetry.worked(worked_s, on_gpu=self._on_gpu, usd_per_hour=self._usd_per_hour)
        telemetry.outcome(self._how, self._code)
        figures: dict[str, object] = {
            "worked_s": round(worked_s, _PLACES),
            "gpu_s": round(worked_s, _PLACES) if self._on_gpu else 0.0,
        }
        if self._waited_s is not None:
            figures["waited_s"] = round(max(self._waited_s, 0.0), _PLACES)
        if self._usd_per_hour is not None:
            figures["cost_usd"] = round(worked_s * self._usd_per_hour / 3600, 6)
        log.info("render ended", outcome=self._how.value, code=self._code, **figures)
