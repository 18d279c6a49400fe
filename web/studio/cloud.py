"""The cloud that the details screen talks to: the one of the environment, or one started here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.function_process import TRIGGERS, FunctionProcess
from emulator.suite import Suite, SuiteOptions


def is_given() -> bool:
    """Tell whether the environment names an emulator or a project."""
    return bool(os.environ.get("FIRESTORE_EMULATOR_HOST") or os.environ.get("GOOGLE_CLOUD_PROJECT"))


@contextmanager
def local_cloud(folder: Path, engine: str) -> Iterator[str]:
    """Run emulator and function beside this process; give the name of the bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    options = SuiteOptions()
    with Suite(options) as suite:
        os.environ.update(suite.environment)
        settings = {
            **suite.environment,
            "LIVEPORTRAIT_ENGINE": engine,
            "LIVEPORTRAIT_BUCKET": options.bucket,
        }
        with FunctionProcess(settings, folder / "function.log") as function:
            for name, pattern in TRIGGERS.items():
                suite.connect(name, pattern, [function.url])
            yield options.bucket
