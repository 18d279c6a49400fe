"""Monitoring: log-based metrics, alert policies, a dashboard."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import Field, ListEntry, Path
from deploy.command import gcloud
from deploy.settings import Part, Settings
from deploy.step import Check, File, Step

_LABEL = names.PLAN_LABEL


@dataclass(frozen=True, kw_only=True)
class MonitoringFile:
    """A file of deploy/monitoring/: the body that Google's API takes."""

    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MonitoringConfig:
    """All files of deploy/monitoring/."""

    metrics: tuple[MonitoringFile, ...] = ()
    policies: tuple[MonitoringFile, ...] = ()
    dashboards: tuple[MonitoringFile, ...] = ()


def steps(settings: Settings, config: MonitoringConfig) -> tuple[Step, ...]:
    """Return the steps; metrics before the policies that use them."""
    chosen: list[Step] = []
    if Part.MONITORING not in settings.omits:
        if settings.notify is not None:
            chosen.append(_channel(settings, settings.notify))
        chosen += (_metric(settings, file) for file in config.metrics)
        chosen += (_policy(settings, file) for file in config.policies)
        chosen += (_dashboard(settings, file) for file in config.dashboards)
    return tuple(chosen)


def _channel(settings: Settings, address: str) -> Step:
    project, title = names.project(settings), f"Idle videos: {address}"
    channels = "beta monitoring channels"
    define: dict[str, Path] = {"CHANNEL": ("name",)}
    return Step(
        title=f"Notification channel {address}",
        why="Whom the alerts write to.",
        checks=(
            Check(
                command=gcloud(f"{channels} list", project, "--format=json"),
                expect=ListEntry(name=title, key=("displayName",), defines=define),
            ),
        ),
        create=(
            gcloud(
                f"{channels} create",
                "--type=email",
                f"--display-name={title}",
                f"--channel-labels=email_address={address}",
                project,
                "--format=value(name)",
                capture="CHANNEL",
            ),
        ),
        remove=(gcloud(f"{channels} delete", names.CHANNEL, project, "--force", "--quiet"),),
    )


def _metric(settings: Settings, file: MonitoringFile) -> Step:
    project = names.project(settings)
    # A metric has no labels: its description contains the digest of the file.
    note = f"{file.body.get('description', '')} [{_LABEL} {_digest(file.body)}]".strip()
    generated = _file(settings, "metrics", file.name, {**file.body, "description": note})
    metrics = "logging metrics"
    flags = (f"--config-from-file={generated.path}", project)
    return Step(
        title=f"Metric {file.name}",
        why="Counted from the function's log, so that alerts need no collector.",
        checks=(
            Check(
                command=gcloud(f"{metrics} list", project, "--format=json"),
                expect=ListEntry(name=file.name, fields=(Field(("description",), note),)),
            ),
        ),
        create=(gcloud(f"{metrics} create", file.name, *flags),),
        update=(gcloud(f"{metrics} update", file.name, *flags),),
        remove=(gcloud(f"{metrics} delete", file.name, project, "--quiet"),),
        files=(generated,),
    )


def _policy(settings: Settings, file: MonitoringFile) -> Step:
    project, title = names.project(settings), str(file.body["displayName"])
    digest = _digest({"body": file.body, "notify": settings.notify})
    labels = {**file.body.get("userLabels", {}), _LABEL: digest}
    generated = _file(settings, "policies", file.name, {**file.body, "userLabels": labels})
    source = f"--policy-from-file={generated.path}"
    channel_flags = () if settings.notify is None else (f"notification-channels={names.CHANNEL}",)
    new, anew = (tuple(f"--{way}{flag}" for flag in channel_flags) for way in ("", "set-"))
    policies = "alpha monitoring policies"
    return Step(
        title=f"Alert “{title}”",
        why="docs/run/operations.md tells what it means and what to do.",
        checks=(_titled(policies, title, Field(("userLabels", _LABEL), digest), project),),
        create=(gcloud(f"{policies} create", source, *new, project),),
        update=(gcloud(f"{policies} update", names.ITEM, source, *anew, project),),
        remove=(gcloud(f"{policies} delete", names.ITEM, project, "--quiet"),),
        eventually_consistent=True,  # alerts do not know a new metric for some minutes
        files=(generated,),
    )


def _dashboard(settings: Settings, file: MonitoringFile) -> Step:
    project, title = names.project(settings), str(file.body["displayName"])
    digest = _digest(file.body)
    # The values of a dashboard's labels are ignored: the key contains the digest.
    label = f"{_LABEL}-{digest}"
    generated = _file(settings, "dashboards", file.name, {**file.body, "labels": {label: ""}})
    dashboards = "monitoring dashboards"
    create = gcloud(f"{dashboards} create", f"--config-from-file={generated.path}", project)
    delete = gcloud(f"{dashboards} delete", names.ITEM, project, "--quiet")
    return Step(
        title=f"Dashboard “{title}”",
        why="One page for an overview.",
        checks=(_titled(dashboards, title, Field(("labels", label), ""), project),),
        create=(create,),
        update=(delete, create),  # an update in place asks for the latest etag inside the file
        remove=(delete,),
        files=(generated,),
    )


def _titled(kind: str, title: str, field_: Field, *flags: str) -> Check:
    """Return the check of a resource by its title; its id, which Google assigns, becomes `ITEM`."""
    return Check(
        command=gcloud(f"{kind} list", *flags, "--format=json"),
        expect=ListEntry(
            name=title, key=("displayName",), fields=(field_,), defines={"ITEM": ("name",)}
        ),
    )


def _file(settings: Settings, kind: str, name: str, body: Mapping[str, Any]) -> File:
    path = f"{names.folder(settings)}/{kind}/{name}.json"
    return File(path=path, content=json.dumps(body, indent=2, ensure_ascii=False) + "\n")


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
