"""What clients once sent is answered as it was then: nothing that they ask is refused."""

import pytest

from emulator.suite import Suite
from tests.emulator.clients.recording import RECORDED, address_of, replay

CLIENTS = sorted(file.stem for file in RECORDED.glob("*.jsonl"))


def test_each_client_that_the_documentation_names_is_recorded() -> None:
    assert CLIENTS == ["fsspec", "gcloud", "gcloud_aio", "node", "transfer_manager"]
    moved = (RECORDED / "transfer_manager.jsonl").read_text()
    assert "/moveTo/o/" in moved


@pytest.mark.parametrize("client", CLIENTS)
def test_the_requests_of_a_client(suite: Suite, client: str) -> None:
    answered = list(replay(client, address_of(suite.storage_url)))
    assert [one for one in answered if one[1] != one[2]] == []
    assert {status for _, status, _ in answered} <= {200, 204, 206, 308, 404}
