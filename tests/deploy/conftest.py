"""A fake gcloud on the PATH, and a deployment with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.execution.deployment import Deployment, RetryPolicy
from deploy.execution.journal import Journal
from deploy.plan import Plan
from deploy.settings import Settings
from tests.deploy.example_plans import ROOT
from tests.deploy.fake_cloud.processes import FakeGcloud
from tests.deploy.fake_cloud.project import Cloud


@pytest.fixture
def fake_gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcloud]:
    """An empty project, reached by `gcloud` and `curl`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "deploy").mkdir()
    for name in ("deploy/cors.json", "deploy/lifecycle.json"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    fake_gcloud = FakeGcloud(cloud=Cloud(root=tmp_path), folder=folder)
    monkeypatch.setenv("PATH", fake_gcloud.path)
    yield fake_gcloud
    fake_gcloud.close()


class Operator:
    """Runs deployments on the fake project, and records their output."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.said: list[str] = []
        self.journal = Journal(root / "out")

    def deployment(self, settings: Settings, plan: Plan) -> Deployment:
        """A run of this plan."""
        return Deployment(
            settings,
            plan,
            root=self._root,
            journal=self.journal,
            say=self.said.append,
            retries=RetryPolicy(tries=3, pause_s=0.01),
        )


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Run the deployment program."""
    return Operator(tmp_path)
