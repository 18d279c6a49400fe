"""Open the renderer of this process: inspect the stack, check it, open, warm up, log it.

The line `started` holds what is needed to find out why an instance does not render as it should.
"""

import time

from functions.observability import log
from functions.runtime.engine_identity import engine_setup
from functions.runtime.talk_methods import try_methods
from functions.settings import ENGINE_VERSION, Settings
from liveportrait_core.diagnostics import Stack, check, inspect
from liveportrait_core.engines.choice import choose_engine
from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.renderer import Renderer, open_renderer


def open_warm(settings: Settings) -> Renderer:
    """Open the renderer, and warm it up.

    Raises:
        EngineUnavailable: driver, libraries and weights do not fit together (the message says what
            to do), a file is damaged, the device does not exist, or the engine is another version
            than the gate was told.
        RenderError: the first pass failed.
    """
    began = time.monotonic()
    setup = engine_setup(settings)
    choice = choose_engine(settings.engine, settings.weights, setup)
    stack = inspect(choice.engine, settings.weights)
    log.info("started", role=settings.role.value, device=settings.device, **_fields(stack))
    if stack.network_fault:
        log.error("decoders can reach the network", reason=stack.network_fault)
    _check(stack, settings)
    accepted = settings.talk_methods.accepted
    renderer = open_renderer(settings.engine, settings.weights, setup, accepted=accepted)
    _require_version(renderer, settings)
    opened = time.monotonic()
    renderer.warm_up()
    log.info(
        "renderer open",
        engine=renderer.engine.value,
        engine_version=settings.engine_version_of(renderer.engine_version),
        device=renderer.device,
        reason=renderer.reason,
        open_seconds=round(opened - began, 2),
        warm_up_seconds=round(time.monotonic() - opened, 2),
    )
    try_methods(renderer, settings.talk_methods)
    return renderer


def _require_version(renderer: Renderer, settings: Settings) -> None:
    told = settings.engine_version
    if told is not None and told != renderer.engine_version:
        raise EngineUnavailable(
            f"{ENGINE_VERSION} is {told!r}, as the gate names what is rendered, and this renderer "
            f"is {renderer.engine_version!r}: deploy both from one tree, with the same weights"
        )


def _check(stack: Stack, settings: Settings) -> None:
    found = check(stack, device=settings.device)
    if not found:
        return
    if settings.emulated and settings.device == "auto":
        # On a developer's machine a render on the CPU is better than none; log it all the same.
        log.warning("rendering on what is left", faults=found)
        return
    raise EngineUnavailable("; ".join(found))


def _fields(stack: Stack) -> dict[str, object]:
    """Return the stack as the fields of a log line, without those that are unknown."""
    driver, torch, onnxruntime = stack.driver, stack.torch, stack.onnxruntime
    fields: dict[str, object] = {
        "engine": stack.engine.value,
        "python": stack.python,
        "libraries": dict(stack.libraries),
        "weights": stack.weights,
        "driver": driver.version,
        "driver_cuda": driver.cuda and f"{driver.cuda[0]}.{driver.cuda[1]}",
        "gpus": [f"{gpu.name}, {gpu.memory_bytes / 2**30:.0f} GiB" for gpu in driver.gpus] or None,
    }
    if torch is not None:
        fields["torch"] = torch.version
        fields["torch_cuda"] = torch.cuda and f"{torch.cuda[0]}.{torch.cuda[1]}"
    if onnxruntime is not None:
        fields["onnxruntime"] = onnxruntime.version
        fields["provider"] = onnxruntime.runs_on
    return {name: value for name, value in fields.items() if value is not None}
