"""The clients themselves: `make test-clients` installs them and runs this.

With `RECORD=1` in the environment what they send is written to `recorded/`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.suite import Suite
from tests.emulator.clients.recording import Recorder, address_of

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
INSTALLED = Path("out") / "clients"
SECONDS = 200


def play(suite: Suite, name: str, command: list[str], **environment: str) -> None:
    """Run a client's program through the recorder; `URL` in a command is the recorder's."""
    with Recorder(address_of(suite.storage_url)) as recorder:
        filled = [part.replace("URL", recorder.url) for part in command]
        told = {key: value.replace("URL", recorder.url) for key, value in environment.items()}
        done = subprocess.run(
            filled,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        if os.environ.get("RECORD"):
            recorder.save(name)


@pytest.mark.parametrize("name", ["fsspec", "gcloud_aio", "transfer_manager"])
def test_a_python_client(suite: Suite, name: str) -> None:
    packages = INSTALLED / "python"
    if not (packages / "gcsfs").is_dir():
        pytest.skip("gcsfs is not in out/clients: `make test-clients` installs it")
    program = [sys.executable, str(HERE / "programs.py"), name, "URL", suite.options.bucket]
    alone = {"PYTHONPATH": str(packages), "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
    play(suite, name, program, STORAGE_EMULATOR_HOST="URL", **alone)


def test_node_s_client(suite: Suite) -> None:
    node = shutil.which("node")
    if node is None or not (INSTALLED / "node_modules").is_dir():
        pytest.skip("no node, or its client is not in out/clients (`make test-clients`)")
    program = shutil.copy(HERE / "node.mjs", INSTALLED / "node.mjs")
    command = [node, str(program), "URL", suite.options.bucket]
    play(suite, "node", command, STORAGE_EMULATOR_HOST="URL")


def test_gcloud(suite: Suite, tmp_path: Path) -> None:
    if shutil.which("gcloud") is None:
        pytest.skip("no gcloud on the PATH")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a b.txt").write_bytes(b"hello")
    (tmp_path / "large").write_bytes(b"q" * 9_000_000)
    files = f"gs://{suite.options.bucket}"
    steps = [
        f'cp "{tmp_path}/files/a b.txt" {files}/x/a.txt',
        f"cp {tmp_path}/large {files}/x/large",
        f"cp {files}/x/large {tmp_path}/down",
        f"rsync -r {tmp_path}/files {files}/sync",
        f"mv {files}/x/a.txt {files}/y/b.txt",
        f"objects update {files}/y/b.txt --cache-control=no-store --custom-metadata=k=v",
        f"buckets update {files} --update-labels=a=b",
        f"buckets update {files} --clear-labels",
        f"rm -r {files}/x/ {files}/y/ {files}/sync/",
    ]
    script = "set -e\n" + "\n".join(f"gcloud storage --quiet {step}" for step in steps)
    play(
        suite,
        "gcloud",
        ["bash", "-c", script],
        CLOUDSDK_CONFIG=str(tmp_path / "config"),
        CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true",
        CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="URL/storage/v1/",
        CLOUDSDK_CORE_PROJECT="demo-avatar",
        CLOUDSDK_STORAGE_MAX_RETRIES="1",
    )
