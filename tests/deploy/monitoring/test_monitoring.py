"""Alerts, dashboard and metrics: bodies that Google's APIs take, about things that exist."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy import names

FOLDER = Path("deploy/monitoring")
OPERATIONS = Path("docs/run/operations.md")


def read(kind: str) -> dict[str, dict[str, Any]]:
    """The bodies of one kind, by file name."""
    return {path.stem: json.loads(path.read_text()) for path in (FOLDER / kind).iterdir()}


METRICS, POLICIES, DASHBOARDS = read("metrics"), read("policies"), read("dashboards")


@dataclass(frozen=True, kw_only=True)
class Known:
    """A metric, and how it may be asked for."""

    resource: str
    aligner: str = "ALIGN_DELTA"  # of a gauge: ALIGN_MAX
    is_distribution: bool = False  # only of these there are percentiles
    labels: frozenset[str] = frozenset()


def of_revisions(*labels: str, **how: Any) -> Known:
    return Known(resource="cloud_run_revision", labels=frozenset(labels), **how)


def of_queues(*labels: str, **how: Any) -> Known:
    return Known(resource="cloud_tasks_queue", labels=frozenset(labels), **how)


BUILT_IN: Mapping[str, Known] = {
    "run.googleapis.com/request_count": of_revisions("response_code", "response_code_class"),
    "run.googleapis.com/container/startup_latencies": of_revisions(is_distribution=True),
    "run.googleapis.com/container/billable_instance_time": of_revisions(),
    "run.googleapis.com/container/instance_count": of_revisions("state", aligner="ALIGN_MAX"),
    "run.googleapis.com/job/completed_execution_count": Known(
        resource="cloud_run_job", labels=frozenset({"result"})
    ),
    "cloudtasks.googleapis.com/queue/depth": of_queues(aligner="ALIGN_MAX"),
    "cloudtasks.googleapis.com/queue/task_attempt_count": of_queues("response_code"),
    "cloudtasks.googleapis.com/queue/task_attempt_delays": of_queues(is_distribution=True),
    "pubsub.googleapis.com/subscription/num_undelivered_messages": Known(
        resource="pubsub_subscription", aligner="ALIGN_MAX"
    ),
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": Known(
        resource="pubsub_subscription", aligner="ALIGN_MAX"
    ),
}
PERCENTILES = {"REDUCE_PERCENTILE_50", "REDUCE_PERCENTILE_95"}
RESOURCES = {
    "service_name": {names.GATE, names.RENDERER, names.API},
    "job_name": {names.RECONCILE},
    "queue_id": {names.QUEUE, names.DEBOUNCE_QUEUE, names.REPAIRS_QUEUE},
    "subscription_id": {names.DEAD_LETTERS, names.TRIGGER, names.TALK_TRIGGER},
}


def queries() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every filter with its aggregation, and where it stands."""
    for name, policy in POLICIES.items():
        for condition in policy["conditions"]:
            threshold = condition["conditionThreshold"]
            yield name, threshold["filter"], threshold["aggregations"][0]
            if "denominatorFilter" in threshold:
                denominator = threshold["denominatorAggregations"][0]
                yield name, threshold["denominatorFilter"], denominator
    for query in (query for _, query in charted() if "timeSeriesFilter" in query):
        chosen = query["timeSeriesFilter"]
        yield "dashboard", chosen["filter"], chosen["aggregation"]


def charted() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every query of the dashboards, with its chart's title."""
    for dashboard in DASHBOARDS.values():
        for tile in dashboard["mosaicLayout"]["tiles"]:
            for data in tile["widget"]["xyChart"]["dataSets"]:
                yield tile["widget"]["title"], data["timeSeriesQuery"]


def metric_of(query: str) -> str:
    (found,) = re.findall(r'metric\.type="([^"]+)"', query)
    return str(found)


def known_as(metric: str) -> Known:
    if not metric.startswith("logging.googleapis.com/user/"):
        return BUILT_IN[metric]
    ours = METRICS[metric.rpartition("/")[2]]["metricDescriptor"]
    labels = (label["key"] for label in ours.get("labels", []))
    return of_revisions(*labels, is_distribution=ours["valueType"] == "DISTRIBUTION")


@pytest.mark.parametrize(("where", "query", "aggregation"), list(queries()))
def test_a_query_asks_for_a_metric_that_exists_as_it_may_be_asked(
    where: str, query: str, aggregation: dict[str, Any]
) -> None:
    (resource,) = re.findall(r'resource\.type="([^"]+)"', query)
    known = known_as(metric_of(query))
    assert resource == known.resource
    assert aggregation["perSeriesAligner"] == known.aligner
    by_percentile = aggregation["crossSeriesReducer"] in PERCENTILES
    assert by_percentile == known.is_distribution, where
    labels = " ".join([query, *aggregation.get("groupByFields", [])])
    assert set(re.findall(r"metric\.label\.(\w+)", labels)) <= known.labels


@pytest.mark.parametrize(("where", "query", "_"), list(queries()))
def test_a_query_is_about_what_is_deployed(where: str, query: str, _: object) -> None:
    for label, value in re.findall(r"resource\.label\.(\w+)=([^)\s]+\)|\S+)", query):
        for name in re.findall(r'"([^"]+)"', value):
            assert name in RESOURCES[label], f"{where}: {query}"
    # A user's metric is already confined to our services by its own filter.
    assert "resource.label." in query or "logging.googleapis.com/user/" in query


def test_every_metric_of_the_log_is_asked_for_and_confined_to_our_services() -> None:
    asked = {metric_of(query).rpartition("/")[2] for _, query, _ in queries()}
    text = " ".join(json.dumps(query) for _, query in charted())
    asked |= {name for name in METRICS if f"user_{name.replace('-', '_')}" in text}
    assert asked >= set(METRICS)
    for metric in METRICS.values():
        for service in (names.GATE, names.RENDERER, names.RECONCILE):
            assert f'"{service}"' in metric["filter"]


def test_prometheus_queries_name_metrics_and_one_resource() -> None:
    known = {f"logging_googleapis_com:user_{name.replace('-', '_')}" for name in METRICS}
    known |= {name.replace(".", "_").replace("/", ":", 1).replace("/", "_") for name in BUILT_IN}
    for _, query in charted():
        for name, labels in re.findall(r"(\w+:\w+)\{([^}]*)\}", query.get("prometheusQuery", "")):
            assert name.removesuffix("_sum") in known
            assert 'monitored_resource="cloud_run_revision"' in labels


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_an_alert_says_what_it_means_and_the_handbook_says_what_to_do(name: str) -> None:
    policy = POLICIES[name]
    title = policy["displayName"]
    assert policy["documentation"]["mimeType"] == "text/markdown"
    assert f"docs/run/operations.md, “{title}”" in policy["documentation"]["content"]
    assert policy["severity"] in {"CRITICAL", "ERROR", "WARNING"}
    burns = "burn their budget" in title  # over a long time and still: two windows, both
    assert policy["combiner"] == ("AND" if burns else "OR")
    headings = re.findall(r"^### (.+)$", OPERATIONS.read_text(), re.MULTILINE)
    assert title in headings
    for condition in policy["conditions"]:
        assert condition["displayName"]
        threshold = condition["conditionThreshold"]
        missing = threshold.get("evaluationMissingData") == "EVALUATION_MISSING_DATA_ACTIVE"
        assert threshold["comparison"] == ("COMPARISON_LT" if missing else "COMPARISON_GT")
        assert int(threshold["duration"].removesuffix("s")) % 60 == 0
        period_s = int(threshold["aggregations"][0]["alignmentPeriod"].removesuffix("s"))
        assert 60 <= period_s <= 90_000  # the longest for alerts


def test_titles_differ() -> None:
    titles = [policy["displayName"] for policy in POLICIES.values()]
    assert len(set(titles)) == len(titles)


def test_tiles_fill_their_columns_and_cover_nothing() -> None:
    for dashboard in DASHBOARDS.values():
        layout = dashboard["mosaicLayout"]
        taken: set[tuple[int, int]] = set()
        for tile in layout["tiles"]:
            left, top = tile.get("xPos", 0), tile.get("yPos", 0)
            assert left + tile["width"] <= layout["columns"]
            columns, rows = range(left, left + tile["width"]), range(top, top + tile["height"])
            place = {(column, row) for column in columns for row in rows}
            assert taken.isdisjoint(place)
            taken |= place
