"""docs/run/operations.md: its commands are gcloud's, what it names exists, its sums add up."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from functions.errors import Code
from functions.observability.telemetry import Outcome
from tests.deploy.gcloud.test_commands import refusals

HANDBOOK = Path("docs/run/operations.md").read_text()
SERVICE = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "idle-renderer"},
    "spec": {"template": {"spec": {"containers": [{"image": "idle"}]}}},
}
COLLECTOR = Path("deploy/monitoring/collector.yaml")
# What the reader puts in: the shortest word of each that gcloud takes.
READERS = {
    "--region=R": "--region=europe-west1",
    "--location=R": "--location=europe-west1",
    "gs://B": "gs://bucket",
    "=N": "=30",
    "REVISION=": "idle-renderer-00001-abc=",
    "$(date -u +%FT%TZ)": "2026-11-20T00:00:00Z",
}


def commands() -> Iterator[list[str]]:
    """The words of every gcloud command in the handbook, as a shell would pass them."""
    blocks = "\n".join(re.findall(r"```\n(.*?)```", HANDBOOK, re.DOTALL))
    written = re.findall(r"`(gcloud [^`]+)`", HANDBOOK.replace(blocks, ""))
    written += re.findall(r"^gcloud .*?(?=\s{2,}#|$)", blocks, re.MULTILINE)
    for line in dict.fromkeys(written):
        if "…" in line or line.startswith(("gcloud auth", "gcloud config")):
            continue  # the first words of a command that stands there in full, or another matter
        for reader, word in READERS.items():
            line = line.replace(reader, word)
        words = shlex.split(re.split(r" [|>] ", line)[0])
        yield [*words[1:], "--project=my-app-1234"]


@pytest.mark.gcloud
def test_gcloud_takes_every_command_of_the_page(
    parser: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/renderer.yaml").write_text(json.dumps(SERVICE))
    (tmp_path / COLLECTOR.parent).mkdir(parents=True)
    (tmp_path / COLLECTOR).write_text(COLLECTOR.read_text())
    lines = list(commands())
    assert len(lines) > 30
    refused = refusals(parser, lines, environment, tmp_path)
    assert not refused, "\n".join(refused)


def test_every_outcome_is_explained() -> None:
    for outcome in Outcome:
        assert f"`{outcome.value}`" in HANDBOOK


def test_codes_are_codes() -> None:
    named = set(re.findall(r"\b(?:RENDER|ENCODE|UPLOAD|QUOTA|IMAGE|VIDEO)_[A-Z_]+\b", HANDBOOK))
    assert named <= {code.value for code in Code}


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https:)([^)#]+)", HANDBOOK):
        assert (Path("docs/run") / target).exists(), target


def test_the_sums_add_up() -> None:
    """The table of a day, worked out again from the prices that are stated."""
    per_hour = 0.67 + 3600 * (4 * 0.000018 + 16 * 0.000002)
    assert "= **1.04**" in HANDBOOK
    assert round(per_hour, 2) == 1.04
    for seconds in (15, 30, 60):
        row = f"| {seconds} s | {seconds * per_hour / 3600:.4f} | {900 // seconds} |"
        assert row in HANDBOOK
    day = {
        "gate": 1000 * 2 * 0.2 * (0.000024 + 0.0000025),
        "renders": 200 * 30 * per_hour / 3600,
        "given up": 20 * 15 * per_hour / 3600,
        "tails, all within two hours": (2.25 - 1.75) * per_hour,
        "**together, within two hours**": 2.25 * per_hour + 0.01,
        "together, spread over 16 hours": 16.25 * per_hour + 0.01,
        "the most that one instance can cost": 24 * per_hour,
    }
    for name, dollars in day.items():
        assert re.search(
            rf"^\| {re.escape(name)} \|.*\| \**{dollars:.2f}\** \|$", HANDBOOK, re.M
        ), f"{name}: {dollars:.2f}"
    assert f"= **{per_hour * 900 / 3600:.2f}**" in HANDBOOK


def test_the_collectors_pipelines_are_made_of_what_it_has() -> None:
    configured = yaml.safe_load(COLLECTOR.read_text())
    for pipeline in configured["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(configured[kind])
    assert set(configured["service"]["extensions"]) <= set(configured["extensions"])
    endpoint = configured["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{endpoint}" in HANDBOOK
