"""The command line: starts the cloud on its usual ports and says how clients find it."""

import argparse
import logging
import shlex
import signal
import sys
from collections.abc import Sequence

from emulator.serving import PortBusy
from emulator.suite import Suite, SuiteOptions

_DEFAULTS = SuiteOptions()
_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until it is interrupted or terminated; returns the exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    stop_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)  # before any thread, so that all obey
    try:
        with Suite(_options(parsed)) as suite:
            suite.connect("function", parsed.document, [parsed.function])
            for name, value in suite.environment.items():
                print(f"export {name}={shlex.quote(value)}", flush=True)
            _describe(suite, parsed)
            signal.sigwait(stop_signals)
    except (PortBusy, ValueError) as error:
        parser.exit(_REFUSED, f"emulator: {error}\n")
    return 0


def _options(parsed: argparse.Namespace) -> SuiteOptions:
    return SuiteOptions(
        project=parsed.project,
        bucket=parsed.bucket,
        host=parsed.host,
        firestore_port=parsed.firestore_port,
        storage_port=parsed.storage_port,
        control_port=parsed.control_port,
        control_host=parsed.control_host,
        time_factor=parsed.time_factor,
    )


def _describe(suite: Suite, parsed: argparse.Namespace) -> None:
    lines = (
        f"Firestore (gRPC)   {suite.firestore_address}",
        f"Storage            {suite.storage_url}  (bucket {parsed.bucket})",
        f"Control            {suite.control_url}",
        f"Writes to {parsed.document} go to {parsed.function}",
        "Security rules are not evaluated. Nothing is kept when this ends (Ctrl-C).",
    )
    print("\n".join(lines), file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="Firestore, Cloud Storage for Firebase and Eventarc on this machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default=_DEFAULTS.host, help="address to listen on")
    parser.add_argument("--firestore-port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--storage-port", type=int, default=9199, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=4400, help="0 takes a free one")
    parser.add_argument(
        "--control-host", default=_DEFAULTS.control_host, help="address of the control endpoint"
    )
    parser.add_argument("--project", default=_DEFAULTS.project, help="project id")
    parser.add_argument("--bucket", default=_DEFAULTS.bucket, help="bucket made at the start")
    parser.add_argument(
        "--function",
        default="http://127.0.0.1:8088",
        metavar="URL",
        help="where events are delivered",
    )
    parser.add_argument(
        "--document",
        default="avatars/{avatarId}",
        metavar="PATTERN",
        help="documents whose writes are events",
    )
    parser.add_argument(
        "--time-factor",
        type=float,
        default=_DEFAULTS.time_factor,
        help="scales Eventarc's times: 0.01 repeats a failed delivery after 0.1 s, not 10 s",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
