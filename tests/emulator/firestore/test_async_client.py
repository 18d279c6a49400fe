"""The asynchronous client, in a process of its own: two event loops of gRPC disturb each other."""

import subprocess
import sys
from pathlib import Path

from emulator.suite import Suite

SCRIPT = """
import asyncio
from google.cloud import firestore

async def main():
    database = firestore.AsyncClient()
    reference = database.document("counters/a")
    await reference.set({"n": 0})

    @firestore.async_transactional
    async def add(transaction, amount):
        snapshot = await reference.get(transaction=transaction)
        transaction.update(reference, {"n": snapshot.get("n") + amount})

    await asyncio.gather(*(add(database.transaction(), amount) for amount in range(1, 11)))
    snapshot = await reference.get()
    print(snapshot.get("n"))
    names = [one.id async for one in database.collection("counters").stream()]
    print(names)
    try:
        await database.document("counters/none").update({"n": 1})
    except Exception as error:
        print(type(error).__name__)
    await reference.delete()
    print((await reference.get()).exists)
    database.close()

asyncio.run(main())
"""


def test_the_asynchronous_client(suite: Suite, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**suite.environment, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:4] == ["55", "['a']", "NotFound", "False"]
