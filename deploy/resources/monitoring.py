"""What tells a person: log-based metrics, alert policies, a dashboard, a budget."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import Listed, Path, Want
from deploy.command import gcloud
from deploy.settings import Part, Settings
from deploy.step import Check, File, Step

_LABEL = names.PLAN_LABEL
_SHARES = ("0.5", "0.9", "1.0")  # of the budget, at which the billing account's people are told


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A file of deploy/monitoring/, read: the body that Google's API takes."""

    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """All of deploy/monitoring/."""

    metrics: tuple[Sheet, ...] = ()
    policies: tuple[Sheet, ...] = ()
    dashboards: tuple[Sheet, ...] = ()


def steps(settings: Settings, watch: Watch) -> tuple[Step, ...]:
    """Metrics before the policies that watch them."""
    chosen: list[Step] = []
    if Part.BUDGET not in settings.omits:
        chosen.append(_budget(settings))
    if Part.MONITORING not in settings.omits:
        if settings.notify is not None:
            chosen.append(_channel(settings, settings.notify))
        chosen += (_metric(settings, sheet) for sheet in watch.metrics)
        chosen += (_policy(settings, sheet) for sheet in watch.policies)
        chosen += (_dashboard(settings, sheet) for sheet in watch.dashboards)
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
                look=Listed(name=title, key=("displayName",), defines=define),
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


def _metric(settings: Settings, sheet: Sheet) -> Step:
    project = names.project(settings)
    # A metric bears no labels of its own: its description tells which version of the file it is.
    note = f"{sheet.body.get('description', '')} [{_LABEL} {_digest(sheet.body)}]".strip()
    file = _file(settings, "metrics", sheet.name, {**sheet.body, "description": note})
    metrics = "logging metrics"
    flags = (f"--config-from-file={file.path}", project)
    return Step(
        title=f"Metric {sheet.name}",
        why="Counted from the function's log, so that alerts need no collector.",
        checks=(
            Check(
                command=gcloud(f"{metrics} list", project, "--format=json"),
                look=Listed(name=sheet.name, wants=(Want(("description",), note),)),
            ),
        ),
        create=(gcloud(f"{metrics} create", sheet.name, *flags),),
        update=(gcloud(f"{metrics} update", sheet.name, *flags),),
        remove=(gcloud(f"{metrics} delete", sheet.name, project, "--quiet"),),
        files=(file,),
    )


def _policy(settings: Settings, sheet: Sheet) -> Step:
    project, title = names.project(settings), str(sheet.body["displayName"])
    digest = _digest({"body": sheet.body, "notify": settings.notify})
    labels = {**sheet.body.get("userLabels", {}), _LABEL: digest}
    file = _file(settings, "policies", sheet.name, {**sheet.body, "userLabels": labels})
    source = f"--policy-from-file={file.path}"
    told = () if settings.notify is None else (f"notification-channels={names.CHANNEL}",)
    new, anew = (tuple(f"--{way}{flag}" for flag in told) for way in ("", "set-"))
    policies = "alpha monitoring policies"
    return Step(
        title=f"Alert “{title}”",
        why="docs/operations.md tells what it means and what to do.",
        checks=(_titled(policies, title, Want(("userLabels", _LABEL), digest), project),),
        create=(gcloud(f"{policies} create", source, *new, project),),
        update=(gcloud(f"{policies} update", names.ITEM, source, *anew, project),),
        remove=(gcloud(f"{policies} delete", names.ITEM, project, "--quiet"),),
        settles=True,  # a metric made a moment ago is not known to alerts for some minutes
        files=(file,),
    )


def _dashboard(settings: Settings, sheet: Sheet) -> Step:
    project, title = names.project(settings), str(sheet.body["displayName"])
    digest = _digest(sheet.body)
    # A dashboard's labels have no values that mean anything: the key bears the digest.
    label = f"{_LABEL}-{digest}"
    file = _file(settings, "dashboards", sheet.name, {**sheet.body, "labels": {label: ""}})
    dashboards = "monitoring dashboards"
    create = gcloud(f"{dashboards} create", f"--config-from-file={file.path}", project)
    delete = gcloud(f"{dashboards} delete", names.ITEM, project, "--quiet")
    return Step(
        title=f"Dashboard “{title}”",
        why="One page for a glance.",
        checks=(_titled(dashboards, title, Want(("labels", label), ""), project),),
        create=(create,),
        update=(delete, create),  # an update in place asks for the latest etag inside the file
        remove=(delete,),
        files=(file,),
    )


def _budget(settings: Settings) -> Step:
    billing = f"--billing-account={names.BILLING_ACCOUNT}"
    charged = f"--billing-project={settings.project}"  # whose quota of calls is used
    amount = f"--budget-amount={settings.budget}"
    rules = tuple(f"--threshold-rule=percent={share}" for share in _SHARES)
    budgets = "billing budgets"
    wanted = Want(("amount", "specifiedAmount", "units"), str(settings.budget))
    title = f"{names.BUDGET} {settings.project}"
    return Step(
        title=f"Budget “{title}”",
        why=f"{settings.budget} a month in the account's currency: it warns and stops nothing. "
        "What stops is the queue's and the services' number of instances.",
        checks=(_titled(budgets, title, wanted, billing, charged),),
        create=(
            gcloud(
                f"{budgets} create",
                billing,
                f"--display-name={title}",
                amount,
                *rules,
                f"--filter-projects=projects/{settings.project}",
                "--calendar-period=month",
                charged,
            ),
        ),
        update=(gcloud(f"{budgets} update", names.ITEM, amount, charged),),
        remove=(gcloud(f"{budgets} delete", names.ITEM, charged, "--quiet"),),
    )


def _titled(kind: str, title: str, want: Want, *flags: str) -> Check:
    """Whether the one of this title is as wanted; its id, which Google gives, becomes `ITEM`."""
    return Check(
        command=gcloud(f"{kind} list", *flags, "--format=json"),
        look=Listed(name=title, key=("displayName",), wants=(want,), defines={"ITEM": ("name",)}),
    )


def _file(settings: Settings, kind: str, name: str, body: Mapping[str, Any]) -> File:
    path = f"{names.folder(settings)}/{kind}/{name}.json"
    return File(path=path, content=json.dumps(body, indent=2, ensure_ascii=False) + "\n")


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
