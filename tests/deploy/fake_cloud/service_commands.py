"""What carries things in the stand-in project, guards the data and tells a person."""

import json
from typing import Any

from tests.deploy.fake_cloud.arguments import Words
from tests.deploy.fake_cloud.base_commands import bind, policy
from tests.deploy.fake_cloud.handlers import Handler, full, gone, listed, made
from tests.deploy.fake_cloud.project import BILLING, NUMBER, PROJECT, Cloud, Refused


def _queue(words: Words) -> dict[str, Any]:
    return {
        "name": full(words, "queues", words.places[3]),
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


def _schedule(words: Words) -> dict[str, Any]:
    account = words.flag("oauth-service-account-email")
    target = {"uri": words.flag("uri"), "oauthToken": {"serviceAccountEmail": account}}
    return {
        "name": full(words, "jobs", words.places[4]),
        "schedule": words.flag("schedule"),
        "httpTarget": target,
    }


def _trigger(cloud: Cloud, words: Words) -> str:
    name = words.places[3]
    assert words.flag("location") == cloud.location, "a trigger elsewhere would never fire"
    cloud.find("services", words.flag("destination-run-service"))
    cloud.known(f"serviceAccount:{words.flag('service-account')}")
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
            "name": full(words, "triggers", name),
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


def _trigger_gone(cloud: Cloud, words: Words) -> str:
    cloud.unmake("triggers", words.places[3])
    cloud.unmake("subscriptions", f"eventarc-{words.places[3]}")
    return ""


def _trigger_described(cloud: Cloud, words: Words) -> str:
    trigger = cloud.find("triggers", words.places[3])
    return str(trigger["transport"]["pubsub"]["subscription"]) + "\n"


def _topic(cloud: Cloud, words: Words) -> str:
    name = words.places[3]
    cloud.make("topics", name, {"name": f"projects/{PROJECT}/topics/{name}"})
    return ""


def _subscription(cloud: Cloud, words: Words) -> str:
    name = words.places[3]
    cloud.find("topics", words.flag("topic"))
    body = {"name": f"projects/{PROJECT}/subscriptions/{name}"}
    cloud.make("subscriptions", name, body | _subscription_fields(words))
    return ""


def _subscription_fields(words: Words) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if words.has("message-retention-duration"):
        fields["messageRetentionDuration"] = words.flag("message-retention-duration")
    if words.has("ack-deadline"):
        fields["ackDeadlineSeconds"] = int(words.flag("ack-deadline"))
    if words.has("dead-letter-topic"):
        fields["deadLetterPolicy"] = {
            "deadLetterTopic": words.flag("dead-letter-topic"),
            "maxDeliveryAttempts": int(words.flag("max-delivery-attempts")),
        }
        fields["retryPolicy"] = {
            "minimumBackoff": words.flag("min-retry-delay"),
            "maximumBackoff": words.flag("max-retry-delay"),
        }
    return fields


def _subscription_changed(cloud: Cloud, words: Words) -> str:
    name = words.places[3].rpartition("/")[2]
    cloud.change("subscriptions", name, _subscription_fields(words))
    return ""


def _subscription_described(cloud: Cloud, words: Words) -> Any:
    return cloud.find("subscriptions", words.places[3].rpartition("/")[2])


def _field(words: Words, index: int) -> str:
    group = f"projects/{PROJECT}/databases/(default)/collectionGroups"
    return f"{group}/{words.flag('collection-group')}/fields/{words.places[index]}"


def _ttl(cloud: Cloud, words: Words) -> str:
    name = _field(words, 4)
    cloud.make("ttls", name, {"name": name, "ttlConfig": {"state": "CREATING"}})
    return ""


def _exemption(cloud: Cloud, words: Words) -> str:
    name = _field(words, 4)
    cloud.make("exemptions", name, {"name": name, "indexConfig": {}})
    return ""


def _channel(cloud: Cloud, words: Words) -> str:
    name = f"projects/{PROJECT}/notificationChannels/1"
    cloud.make("channels", name, {"name": name, "displayName": words.flag("display-name")})
    return f"{name}\n"


def _metric(words: Words, cloud: Cloud) -> dict[str, Any]:
    body = json.loads((cloud.root / words.flag("config-from-file")).read_text("utf-8"))
    return {"name": words.places[3], **body}


def _metric_made(cloud: Cloud, words: Words) -> str:
    cloud.make("metrics", words.places[3], _metric(words, cloud))
    return ""


def _metric_changed(cloud: Cloud, words: Words) -> str:
    cloud.change("metrics", words.places[3], _metric(words, cloud))
    return ""


def _policy_body(cloud: Cloud, words: Words) -> dict[str, Any]:
    body = json.loads((cloud.root / words.flag("policy-from-file")).read_text("utf-8"))
    channels = words.flags("notification-channels") or words.flags("set-notification-channels")
    for channel in channels:
        cloud.find("channels", channel)
    return {**body, "notificationChannels": channels}


def _alert_made(cloud: Cloud, words: Words) -> str:
    body = _policy_body(cloud, words)
    name = f"projects/{PROJECT}/alertPolicies/{body['displayName']}"
    cloud.make("alerts", name, {"name": name, **body})
    return ""


def _alert_changed(cloud: Cloud, words: Words) -> str:
    cloud.change("alerts", words.places[4], _policy_body(cloud, words))
    return ""


def _dashboard(cloud: Cloud, words: Words) -> str:
    body = json.loads((cloud.root / words.flag("config-from-file")).read_text("utf-8"))
    name = f"projects/{NUMBER}/dashboards/{body['displayName']}"
    cloud.make("dashboards", name, {"name": name, **body})
    return ""


def _billing(cloud: Cloud, words: Words) -> str:
    return f"{cloud.billing}\n" if cloud.billing else "\n"


def _budget(cloud: Cloud, words: Words) -> str:
    assert words.flag("billing-account") == cloud.billing
    title = words.flag("display-name")
    name = f"{BILLING}/budgets/{title}"
    amount = {"specifiedAmount": {"currencyCode": "EUR", "units": words.flag("budget-amount")}}
    cloud.make("budgets", name, {"name": name, "displayName": title, "amount": amount})
    return ""


def _budget_changed(cloud: Cloud, words: Words) -> str:
    amount = {"specifiedAmount": {"currencyCode": "EUR", "units": words.flag("budget-amount")}}
    cloud.change("budgets", words.places[3], {"amount": amount})
    return ""


def _curl(cloud: Cloud, words: Words) -> Any:
    assert words.argv[-2:] == ("#stdin", "Authorization: Bearer the-token")
    url = words.argv[-3].removeprefix("https://firebaserules.googleapis.com/v1/")
    method = words.argv[words.argv.index("-X") + 1] if "-X" in words.argv else "GET"
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
        raise Refused("409: release already exists")
    assert release["rulesetName"] in cloud.rulesets
    cloud.releases[release["name"]] = release["rulesetName"]
    return release


FLOW: dict[str, Handler] = {
    "curl": _curl,
    "firestore fields ttls list": listed("ttls"),
    "firestore fields ttls update": _ttl,
    "firestore indexes fields list": listed("exemptions"),
    "firestore indexes fields update": _exemption,
    "eventarc locations list": lambda cloud, words: "\n".join(cloud.locations),
    "eventarc triggers list": listed("triggers"),
    "eventarc triggers create": _trigger,
    "eventarc triggers describe": _trigger_described,
    "eventarc triggers delete": _trigger_gone,
    "tasks queues list": listed("queues"),
    "tasks queues create": made("queues", 3, _queue),
    "tasks queues update": made("queues", 3, _queue, change=True),
    "tasks queues delete": gone("queues", 3),
    "tasks queues get-iam-policy": policy,
    "tasks queues add-iam-policy-binding": bind,
    "scheduler jobs list": listed("schedules"),
    "scheduler jobs create http": made("schedules", 4, _schedule),
    "scheduler jobs update http": made("schedules", 4, _schedule, change=True),
    "scheduler jobs delete": gone("schedules", 3),
    "pubsub topics list": listed("topics"),
    "pubsub topics create": _topic,
    "pubsub topics delete": gone("topics", 3),
    "pubsub topics get-iam-policy": policy,
    "pubsub topics add-iam-policy-binding": bind,
    "pubsub subscriptions list": listed("subscriptions"),
    "pubsub subscriptions create": _subscription,
    "pubsub subscriptions update": _subscription_changed,
    "pubsub subscriptions describe": _subscription_described,
    "pubsub subscriptions delete": gone("subscriptions", 3),
    "pubsub subscriptions get-iam-policy": policy,
    "pubsub subscriptions add-iam-policy-binding": bind,
    "beta monitoring channels list": listed("channels"),
    "beta monitoring channels create": _channel,
    "beta monitoring channels delete": gone("channels", 4),
    "logging metrics list": listed("metrics"),
    "logging metrics create": _metric_made,
    "logging metrics update": _metric_changed,
    "logging metrics delete": gone("metrics", 3),
    "alpha monitoring policies list": listed("alerts"),
    "alpha monitoring policies create": _alert_made,
    "alpha monitoring policies update": _alert_changed,
    "alpha monitoring policies delete": gone("alerts", 4),
    "monitoring dashboards list": listed("dashboards"),
    "monitoring dashboards create": _dashboard,
    "monitoring dashboards delete": gone("dashboards", 3),
    "billing projects describe": _billing,
    "billing budgets list": listed("budgets"),
    "billing budgets create": _budget,
    "billing budgets update": _budget_changed,
    "billing budgets delete": gone("budgets", 3),
}
