// What Node's client does to a bucket: node.mjs URL BUCKET
import { Storage } from "@google-cloud/storage";

const [url, name] = process.argv.slice(2);
process.env.STORAGE_EMULATOR_HOST = url;
const storage = new Storage({ apiEndpoint: url, projectId: "demo-avatar" });
const bucket = storage.bucket(name);
const large = Buffer.alloc(600_000, "q");
await bucket.file("x/small").save("hello", { resumable: false, metadata: { metadata: { k: "v" } } });
await bucket.file("x/large").save(large, { resumable: true, chunkSize: 262144 });
const [read] = await bucket.file("x/large").download();
if (!read.equals(large)) throw new Error("read something else");
await bucket.file("x/small").copy(bucket.file("x/copy"));
await bucket.file("x/copy").setMetadata({ cacheControl: "no-store" });
await bucket.file("x/copy").move("x/moved");
const [files] = await bucket.getFiles({ prefix: "x/", autoPaginate: false });
if (files.length !== 3) throw new Error(`${files.length} files`);
await bucket.deleteFiles({ prefix: "x/" });
