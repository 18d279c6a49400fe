"""The installed gcloud, to read commands with."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PARSER = Path(__file__).with_name("parser_script.py")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """No account, no prompts, no usage reports."""
    return {
        **os.environ,
        "CLOUDSDK_CONFIG": str(tmp_path_factory.mktemp("gcloud")),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    }


@pytest.fixture(scope="session")
def parser(environment: dict[str, str]) -> list[str]:
    """The command line that reads commands with the installed gcloud."""
    if shutil.which("gcloud") is None:
        pytest.skip("no gcloud on the PATH (the Google Cloud CLI, with alpha and beta)")
    answer = subprocess.run(
        ["gcloud", "info", "--format=json"], env=environment, capture_output=True, check=True
    )
    info = json.loads(answer.stdout)
    python = info["basic"]["python_location"]
    return [python, "-W", "ignore", str(PARSER), f"{info['installation']['sdk_root']}/lib"]
