"""What each Python client does to a bucket: `programs.py NAME URL BUCKET`."""

import asyncio
import sys
import tempfile
from pathlib import Path

SMALL, LARGE = b"hello", b"q" * 600_000


def fsspec(url: str, bucket: str) -> None:
    import gcsfs

    files = gcsfs.GCSFileSystem(project="demo-avatar", token="anon", endpoint_url=url)
    with files.open(f"{bucket}/x/ä #1.txt", "wb") as stream:
        stream.write(SMALL)
    with files.open(f"{bucket}/x/large", "wb", block_size=262144) as stream:
        stream.write(LARGE)
    files.pipe(f"{bucket}/x/piped", SMALL)
    files.cp(f"{bucket}/x/piped", f"{bucket}/x/copy")
    files.mv(f"{bucket}/x/copy", f"{bucket}/x/moved")
    files.setxattrs(f"{bucket}/x/moved", content_type="a/b", k="v")
    assert files.cat(f"{bucket}/x/large") == LARGE
    assert len(files.find(f"{bucket}/x")) == 4
    files.rm(f"{bucket}/x", recursive=True)
    files.invalidate_cache()
    assert files.find(f"{bucket}/x") == []


def gcloud_aio(url: str, bucket: str) -> None:
    from gcloud.aio.storage import Storage

    async def run() -> None:
        async with Storage(api_root=url) as storage:
            await storage.upload(bucket, "x/small", SMALL, metadata={"metadata": {"k": "v"}})
            await storage.upload(bucket, "x/large", LARGE, force_resumable_upload=True)
            assert await storage.download(bucket, "x/large") == LARGE
            await storage.copy(bucket, "x/small", bucket, new_name="x/copy")
            await storage.patch_metadata(bucket, "x/copy", {"cacheControl": "no-store"})
            listed = await storage.list_objects(bucket, params={"prefix": "x/"})
            assert len(listed["items"]) == 3
            await storage.delete(bucket, "x/copy")

    asyncio.run(run())


def transfer_manager(url: str, bucket: str) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client
    from google.cloud.storage import transfer_manager as transfers

    client = Client(
        project="demo-avatar",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )
    blob = client.bucket(bucket).blob("x/large")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large"
        file.write_bytes(LARGE * 10)
        transfers.upload_chunks_concurrently(
            str(file), blob, chunk_size=5 << 20, max_workers=1, worker_type=transfers.THREAD
        )
        transfers.download_chunks_concurrently(
            blob, str(file), chunk_size=3 << 20, max_workers=1, worker_type=transfers.THREAD
        )
        assert file.read_bytes() == LARGE * 10
    moved = client.bucket(bucket).move_blob(blob, "x/moved")
    assert moved.exists()
    assert not blob.exists()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
