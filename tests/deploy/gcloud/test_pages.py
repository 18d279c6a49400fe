"""docs/run: its commands are gcloud's; of operations.md, what it names exists, its sums add up."""

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

PAGES = sorted(Path("docs/run").glob("*.md"))
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
    "--location=D": "--location=eur3",
    "R-docker.pkg.dev/P/": "europe-west1-docker.pkg.dev/my-app-1234/",
    "gs://MODELS": "gs://models",
    "gs://B": "gs://bucket",
    "=N": "=30",
    "$(date -u +%FT%TZ)": "2026-11-20T00:00:00Z",
}


def commands(page: str) -> Iterator[list[str]]:
    """The words of every gcloud command of a page, as a shell would pass them."""
    found = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    for block in found:
        page = page.replace(block, "")
    written = re.findall(r"`((?:printf %s \w+ \| )?gcloud [^`]+)`", page)
    written += re.findall(r"^gcloud .*?(?=\s{2,}#|$)", "\n".join(found), re.MULTILINE)
    for line in dict.fromkeys(written):
        if "…" in line or line.startswith(("gcloud auth", "gcloud components", "gcloud config")):
            continue  # the first words of a command that stands there in full, or another matter
        for reader, word in READERS.items():
            line = line.replace(reader, word)
        line = re.sub(r"^printf .*? \| ", "", line)
        words = shlex.split(re.split(r" [|>] ", line)[0])
        yield [*words[1:], "--project=my-app-1234"]


@pytest.mark.gcloud
def test_gcloud_takes_every_command_of_the_pages(
    parser: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    for folder in ("out", "weights"):
        (tmp_path / folder).mkdir()
    (tmp_path / "out/renderer.yaml").write_text(json.dumps(SERVICE))
    (tmp_path / COLLECTOR.parent).mkdir(parents=True)
    (tmp_path / COLLECTOR).write_text(COLLECTOR.read_text())
    lines = [words for page in PAGES for words in commands(page.read_text())]
    assert len(lines) > 50
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
