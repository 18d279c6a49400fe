"""Commands on queue, schedule, trigger, subscriptions, data protection and monitoring."""

import base64
import json
from typing import Any

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.base_commands import bind, policy
from tests.deploy.fake_cloud.handlers import (
    Handler,
    create_handler,
    delete_handler,
    full_name,
    list_handler,
)
from tests.deploy.fake_cloud.project import BILLING, NUMBER, PROJECT, Cloud, CommandRefused


def _queue(words: Arguments) -> dict[str, Any]:
    return {
        "name": full_name(words, "queues", words.positional[3]),
        "rateLimits": {
            "maxConcurrentDispatches": int(words.flag("max-concurrent-dispatches")),
            "maxDispatchesPerSecond": float(words.flag("max-dispatches-per-second")),
        },
        "retryConfig": {
            "maxAttempts": int(words.flag("max-attempts")),
            "maxRetryDuration": words.flag("max-retry-duration"),
            "minBackoff": words.flag("min-backoff"),
            "maxBackoff": words.flag("max-backoff"),
            "maxDoublings": int(words.flag("max-doublings")),
        },
    }


def _schedule(words: Arguments) -> dict[str, Any]:
    account = words.flag("oauth-service-account-email")
    body = base64.b64encode(words.flag("message-body").encode()).decode()
    target = {
        "uri": words.flag("uri"),
        "body": body,
        "oauthToken": {"serviceAccountEmail": account},
    }
    return {
        "name": full_name(words, "jobs", words.positional[4]),
        "schedule": words.flag("schedule"),
        "httpTarget": target,
    }


def _trigger(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3]
    assert words.flag("location") == cloud.location, "a trigger elsewhere would never fire"
    cloud.find("services", words.flag("destination-run-service"))
    cloud.check_member(f"serviceAccount:{words.flag('service-account')}")
    pattern = words.flag("event-filters-path-pattern").removeprefix("document=")
    filters = [
        dict(zip(("attribute", "value"), text.split("=", 1), strict=True))
        for text in words.flags("event-filters")
    ]
    subscription = f"eventarc-{name}"
    whole = f"projects/{PROJECT}/subscriptions/{subscription}"
    cloud.make(
        "triggers",
        name,
        {
            "name": full_name(words, "triggers", name),
            "destination": {
                "cloudRun": {
                    "service": words.flag("destination-run-service"),
                    "region": words.flag("destination-run-region"),
                }
            },
            "eventFilters": [
                *filters,
                {"attribute": "document", "operator": "match-path-pattern", "value": pattern},
            ],
            "serviceAccount": words.flag("service-account"),
            "transport": {"pubsub": {"subscription": whole}},
            "#place": words.flag("location"),
        },
    )
    cloud.make("subscriptions", subscription, {"name": whole, "ackDeadlineSeconds": 10})
    return ""


def _trigger_gone(cloud: Cloud, words: Arguments) -> str:
    cloud.delete("triggers", words.positional[3])
    cloud.delete("subscriptions", f"eventarc-{words.positional[3]}")
    return ""


def _trigger_described(cloud: Cloud, words: Arguments) -> str:
    trigger = cloud.find("triggers", words.positional[3])
    return str(trigger["transport"]["pubsub"]["subscription"]) + "\n"


def _topic(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3]
    cloud.make("topics", name, {"name": f"projects/{PROJECT}/topics/{name}"})
    return ""


def _subscription(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3]
    cloud.find("topics", words.flag("topic"))
    body = {"name": f"projects/{PROJECT}/subscriptions/{name}"}
    cloud.make("subscriptions", name, body | _subscription_fields(words))
    return ""


def _subscription_fields(words: Arguments) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if words.has("message-retention-duration"):
        fields["messageRetentionDuration"] = words.flag("message-retention-duration")
    if words.has("ack-deadline"):
        fields["ackDeadlineSeconds"] = int(words.flag("ack-deadline"))
    if words.has("push-endpoint"):
        account = words.flag("push-auth-service-account")
        audience = words.flag("push-auth-token-audience")
        fields["pushConfig"] = {
            "pushEndpoint": words.flag("push-endpoint"),
            "oidcToken": {"serviceAccountEmail": account, "audience": audience},
        }
    if words.has("dead-letter-topic"):
        fields["deadLetterPolicy"] = {
            "deadLetterTopic": words.flag("dead-letter-topic"),
            "maxDeliveryAttempts": int(words.flag("max-delivery-attempts")),
        }
    if words.has("min-retry-delay"):
        fields["retryPolicy"] = {
            "minimumBackoff": words.flag("min-retry-delay"),
            "maximumBackoff": words.flag("max-retry-delay"),
        }
    return fields


def _subscription_changed(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3].rpartition("/")[2]
    cloud.change("subscriptions", name, _subscription_fields(words))
    return ""


def _subscription_described(cloud: Cloud, words: Arguments) -> Any:
    return cloud.find("subscriptions", words.positional[3].rpartition("/")[2])


def _field(words: Arguments, index: int) -> str:
    group = f"projects/{PROJECT}/databases/(default)/collectionGroups"
    return f"{group}/{words.flag('collection-group')}/fields/{words.positional[index]}"


def _ttl(cloud: Cloud, words: Arguments) -> str:
    name = _field(words, 4)
    cloud.make("ttls", name, {"name": name, "ttlConfig": {"state": "CREATING"}})
    return ""


def _exemption(cloud: Cloud, words: Arguments) -> str:
    name = _field(words, 4)
    cloud.things.setdefault("exemptions", {})[name] = {"name": name, "indexConfig": {}}
    return ""


def _channel(cloud: Cloud, words: Arguments) -> str:
    name = f"projects/{PROJECT}/notificationChannels/1"
    cloud.make("channels", name, {"name": name, "displayName": words.flag("display-name")})
    return f"{name}\n"


def _metric(words: Arguments, cloud: Cloud) -> dict[str, Any]:
    body = json.loads((cloud.root / words.flag("config-from-file")).read_text("utf-8"))
    return {"name": words.positional[3], **body}


def _metric_made(cloud: Cloud, words: Arguments) -> str:
    cloud.make("metrics", words.positional[3], _metric(words, cloud))
    return ""


def _metric_changed(cloud: Cloud, words: Arguments) -> str:
    cloud.change("metrics", words.positional[3], _metric(words, cloud))
    return ""


def _policy_body(cloud: Cloud, words: Arguments) -> dict[str, Any]:
    body = json.loads((cloud.root / words.flag("policy-from-file")).read_text("utf-8"))
    channels = words.flags("notification-channels") or words.flags("set-notification-channels")
    for channel in channels:
        cloud.find("channels", channel)
    return {**body, "notificationChannels": channels}


def _alert_made(cloud: Cloud, words: Arguments) -> str:
    body = _policy_body(cloud, words)
    name = f"projects/{PROJECT}/alertPolicies/{body['displayName']}"
    cloud.make("alerts", name, {"name": name, **body})
    return ""


def _alert_changed(cloud: Cloud, words: Arguments) -> str:
    cloud.change("alerts", words.positional[4], _policy_body(cloud, words))
    return ""


def _dashboard(cloud: Cloud, words: Arguments) -> str:
    body = json.loads((cloud.root / words.flag("config-from-file")).read_text("utf-8"))
    name = f"projects/{NUMBER}/dashboards/{body['displayName']}"
    cloud.make("dashboards", name, {"name": name, **body})
    return ""


def _billing(cloud: Cloud, words: Arguments) -> str:
    return f"{cloud.billing}\n" if cloud.billing else "\n"


def _budget(cloud: Cloud, words: Arguments) -> str:
    assert words.flag("billing-account") == cloud.billing
    title = words.flag("display-name")
    name = f"{BILLING}/budgets/{title}"
    cloud.make("budgets", name, {"name": name, "displayName": title, **_told(cloud, words)})
    return ""


def _budget_changed(cloud: Cloud, words: Arguments) -> str:
    cloud.change("budgets", words.positional[3], _told(cloud, words))
    return ""


def _told(cloud: Cloud, words: Arguments) -> dict[str, Any]:
    units = words.flag("budget-amount")
    told: dict[str, Any] = {"amount": {"specifiedAmount": {"currencyCode": "EUR", "units": units}}}
    if words.has("notifications-rule-pubsub-topic"):
        topic = words.flag("notifications-rule-pubsub-topic")
        cloud.find("topics", topic.rpartition("/")[2])
        told["notificationsRule"] = {"pubsubTopic": topic, "schemaVersion": "1.0"}
    return told


def _role(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3]
    permissions = words.flag("permissions").split(",")
    body = {"name": f"projects/{PROJECT}/roles/{name}", "includedPermissions": permissions}
    cloud.make("roles", name, body)
    return ""


def _curl(cloud: Cloud, words: Arguments) -> Any:
    assert words.argv[-2:] == ("#stdin", "Authorization: Bearer the-token")
    url = words.argv[-3].removeprefix("https://firebaserules.googleapis.com/v1/")
    method = words.argv[words.argv.index("-X") + 1] if "-X" in words.argv else "GET"
    if url.endswith(f"/v1beta/projects/{PROJECT}/buckets"):
        return {"buckets": [{"name": f"projects/{PROJECT}/buckets/{n}"} for n in cloud.linked]}
    if method == "GET" and url.endswith("/releases?pageSize=100"):
        releases = [{"name": name, "rulesetName": rules} for name, rules in cloud.releases.items()]
        return {"releases": releases} if releases else {}
    if method == "GET":
        return cloud.rulesets[url]
    data = words.argv[words.argv.index("--data") + 1]
    body = json.loads((cloud.root / data[1:]).read_text("utf-8") if data.startswith("@") else data)
    if url.endswith("/rulesets"):
        name = f"projects/{PROJECT}/rulesets/{len(cloud.rulesets)}"
        cloud.rulesets[name] = {"name": name, **body}
        return {"name": name, "createTime": "…"}
    release = body["release"] if method == "PATCH" else body
    if method == "POST" and release["name"] in cloud.releases:
        raise CommandRefused("409: release already exists")
    assert release["rulesetName"] in cloud.rulesets
    cloud.releases[release["name"]] = release["rulesetName"]
    return release


SERVICE_COMMANDS: dict[str, Handler] = {
    "curl": _curl,
    "firestore fields ttls list": list_handler("ttls"),
    "firestore fields ttls update": _ttl,
    "firestore indexes fields list": list_handler("exemptions"),
    "firestore indexes fields update": _exemption,
    "eventarc locations list": lambda cloud, words: "\n".join(cloud.locations),
    "eventarc triggers list": list_handler("triggers"),
    "eventarc triggers create": _trigger,
    "eventarc triggers describe": _trigger_described,
    "eventarc triggers delete": _trigger_gone,
    "tasks queues list": list_handler("queues"),
    "tasks queues create": create_handler("queues", 3, _queue),
    "tasks queues update": create_handler("queues", 3, _queue, change=True),
    "tasks queues delete": delete_handler("queues", 3),
    "tasks queues get-iam-policy": policy,
    "tasks queues add-iam-policy-binding": bind,
    "scheduler jobs list": list_handler("schedules"),
    "scheduler jobs create http": create_handler("schedules", 4, _schedule),
    "scheduler jobs update http": create_handler("schedules", 4, _schedule, change=True),
    "scheduler jobs delete": delete_handler("schedules", 3),
    "pubsub topics list": list_handler("topics"),
    "pubsub topics create": _topic,
    "pubsub topics delete": delete_handler("topics", 3),
    "pubsub topics get-iam-policy": policy,
    "pubsub topics add-iam-policy-binding": bind,
    "pubsub subscriptions list": list_handler("subscriptions"),
    "pubsub subscriptions create": _subscription,
    "pubsub subscriptions update": _subscription_changed,
    "pubsub subscriptions describe": _subscription_described,
    "pubsub subscriptions delete": delete_handler("subscriptions", 3),
    "pubsub subscriptions get-iam-policy": policy,
    "pubsub subscriptions add-iam-policy-binding": bind,
    "beta monitoring channels list": list_handler("channels"),
    "beta monitoring channels create": _channel,
    "beta monitoring channels delete": delete_handler("channels", 4),
    "logging metrics list": list_handler("metrics"),
    "logging metrics create": _metric_made,
    "logging metrics update": _metric_changed,
    "logging metrics delete": delete_handler("metrics", 3),
    "alpha monitoring policies list": list_handler("alerts"),
    "alpha monitoring policies create": _alert_made,
    "alpha monitoring policies update": _alert_changed,
    "alpha monitoring policies delete": delete_handler("alerts", 4),
    "monitoring dashboards list": list_handler("dashboards"),
    "monitoring dashboards create": _dashboard,
    "monitoring dashboards delete": delete_handler("dashboards", 3),
    "iam roles list": list_handler("roles"),
    "iam roles create": _role,
    "billing projects describe": _billing,
    "billing budgets list": list_handler("budgets"),
    "billing budgets create": _budget,
    "billing budgets update": _budget_changed,
    "billing budgets delete": delete_handler("budgets", 3),
}
