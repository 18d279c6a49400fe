// What a server does with the unmodified firebase-admin; prints what came of it.
import { initializeApp } from "firebase-admin/app";
import { getFirestore, FieldValue } from "firebase-admin/firestore";
import { getStorage } from "firebase-admin/storage";

const at = JSON.parse(process.argv[2]);
initializeApp({ projectId: at.project, storageBucket: at.bucket });
const database = getFirestore();
const said = {};

const counter = database.doc("counters/one");
await counter.set({ n: 0, at: FieldValue.serverTimestamp() });
const add = () => database.runTransaction(async (transaction) => {
  const before = await transaction.get(counter);
  transaction.update(counter, { n: before.get("n") + 1 });
});
await Promise.all([add(), add(), add(), add()]);
said.counted = (await counter.get()).get("n");

const heard = new Promise((resolve, reject) => {
  const stop = database.collection("rooms").orderBy("i").onSnapshot((snapshot) => {
    if (snapshot.size === 3) { stop(); resolve(snapshot.docs.map((found) => found.id)); }
  }, reject);
});
const bulk = database.bulkWriter();
for (let i = 0; i < 3; i++) bulk.create(database.doc(`rooms/r${i}`), { i });
await bulk.close();
said.heard = await heard;
said.refused = await database.doc("rooms/r0").create({}).catch((error) => error.code);
const sums = await database.collection("rooms").count().get();
said.total = sums.data().count;
const parts = [];
for await (const part of database.collectionGroup("rooms").getPartitions(2)) {
  parts.push(...(await part.toQuery().get()).docs.map((found) => found.id));
}
said.parts = parts;
said.collections = (await database.listCollections()).map((found) => found.id);

const file = getStorage().bucket().file("avatars/ada/note.txt");
await file.save("hello", { contentType: "text/plain", resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
said.raced = await file.save("again", { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })
  .catch((error) => error.code);
said.read = (await file.download())[0].toString();
const large = getStorage().bucket().file("large.bin");
await large.save(Buffer.alloc(700_000), { resumable: true });
said.size = Number((await large.getMetadata())[0].size);
await large.copy("copy.bin");
said.listed = (await getStorage().bucket().getFiles())[0].map((found) => found.name);
await database.terminate();
console.log(JSON.stringify(said));
