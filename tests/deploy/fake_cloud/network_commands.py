"""Commands on networks, firewalls and names."""

from typing import Any

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.handlers import Handler, create_handler, delete_handler, list_handler
from tests.deploy.fake_cloud.project import Cloud


def _network(words: Arguments) -> dict[str, Any]:
    return {
        "name": words.positional[3],
        "autoCreateSubnetworks": words.flag("subnet-mode") != "custom",
    }


def _subnet(cloud: Cloud, words: Arguments) -> str:
    cloud.find("networks", words.flag("network"))
    name = words.positional[4]
    body = {
        "name": name,
        "ipCidrRange": words.flag("range"),
        "privateIpGoogleAccess": words.has("enable-private-ip-google-access"),
    }
    cloud.make("subnets", name, body)
    return ""


def _rule(cloud: Cloud, words: Arguments) -> str:
    cloud.find("networks", words.flag("network"))
    protocol, _, port = words.flag("rules").partition(":")
    what = {"IPProtocol": protocol, **({"ports": [port]} if port else {})}
    denies = words.flag("action") == "DENY"
    name = words.positional[3]
    body = {
        "name": name,
        "direction": words.flag("direction"),
        "priority": int(words.flag("priority")),
        "destinationRanges": words.flag("destination-ranges").split(","),
        "denied" if denies else "allowed": [what],
        "disabled": False,
    }
    cloud.make("firewalls", name, body)
    return ""


def _zone(cloud: Cloud, words: Arguments) -> str:
    cloud.find("networks", words.flag("networks"))
    name = words.positional[3]
    body = {
        "name": name,
        "dnsName": words.flag("dns-name"),
        "visibility": words.flag("visibility"),
    }
    cloud.make("zones", name, body)
    return ""


def _record(cloud: Cloud, words: Arguments) -> str:
    cloud.find("zones", words.flag("zone"))
    name = words.positional[3]
    body = {
        "name": name,
        "type": words.flag("type"),
        "rrdatas": words.flag("rrdatas").split(","),
    }
    cloud.make("records", name, body)
    return ""


NETWORK_COMMANDS: dict[str, Handler] = {
    "compute networks list": list_handler("networks"),
    "compute networks create": create_handler("networks", 3, _network),
    "compute networks delete": delete_handler("networks", 3),
    "compute networks subnets list": list_handler("subnets"),
    "compute networks subnets create": _subnet,
    "compute networks subnets delete": delete_handler("subnets", 4),
    "compute firewall-rules list": list_handler("firewalls"),
    "compute firewall-rules create": _rule,
    "compute firewall-rules delete": delete_handler("firewalls", 3),
    "dns managed-zones list": list_handler("zones"),
    "dns managed-zones create": _zone,
    "dns managed-zones delete": delete_handler("zones", 3),
    "dns record-sets list": list_handler("records"),
    "dns record-sets create": _record,
    "dns record-sets delete": delete_handler("records", 3),
}
