// What an app does with the unmodified Firebase SDK. The same for a browser and for Node: the caller
// supplies the SDK's modules and where the emulator is, and gets back what the SDK has said.

export async function scenario({ app, firestore: fs, storage: st }, at) {
  const open = (name) => {
    const instance = app.initializeApp(
      { projectId: at.project, storageBucket: at.bucket, apiKey: "none", appId: name }, name);
    const database = fs.getFirestore(instance);
    fs.connectFirestoreEmulator(database, at.firestoreHost, at.firestorePort);
    const storage = st.getStorage(instance);
    st.connectStorageEmulator(storage, at.storageHost, at.storagePort);
    return { database, storage };
  };
  const one = open("one"), other = open("other");
  const said = {};
  const reference = fs.doc(one.database, "avatars/ada");

  await fs.setDoc(reference, { n: 1, text: "ä€😀", gone: true, big: 0.5, at: new Date(5), list: [1, null] });
  await fs.updateDoc(reference, {
    n: fs.increment(2), gone: fs.deleteField(), "inner.when": fs.serverTimestamp(), list: fs.arrayUnion(2),
  });
  const read = (await fs.getDocFromServer(reference)).data();
  said.written = { n: read.n, text: read.text, list: read.list, keys: Object.keys(read).sort(), at: read.at.toMillis() };
  said.isTimestamp = read.inner.when instanceof fs.Timestamp;

  const seen = [];
  let heard = () => {};
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => { heard = resolve; });
  };
  const stop = fs.onSnapshot(reference, (snapshot) => {
    seen.push([snapshot.data()?.n ?? null, snapshot.metadata.hasPendingWrites]);
    heard();
  });
  await until(() => seen.length > 0);
  await fs.updateDoc(fs.doc(other.database, "avatars/ada"), { n: 7 });
  await until(() => seen.at(-1)[0] === 7);
  await fs.deleteDoc(fs.doc(other.database, "avatars/ada"));
  await until(() => seen.at(-1)[0] === null);
  stop();
  said.listened = seen.map(([n]) => n);

  const counter = (where) => fs.doc(where.database, "counters/one");
  await fs.setDoc(counter(one), { n: 0 });
  const add = (where) => fs.runTransaction(where.database, async (transaction) => {
    const before = await transaction.get(counter(where));
    transaction.update(counter(where), { n: before.data().n + 1 });
  });
  await Promise.all([add(one), add(other), add(one), add(other)]);
  said.counted = (await fs.getDocFromServer(counter(one))).data().n;

  const batch = fs.writeBatch(one.database);
  for (let i = 0; i < 6; i++) batch.set(fs.doc(one.database, `rooms/r${i}`), { i, even: i % 2 === 0 });
  await batch.commit();
  const rooms = fs.collection(other.database, "rooms");
  const ordered = fs.query(rooms, fs.where("even", "==", true), fs.orderBy("i", "desc"), fs.limit(2));
  said.queried = (await fs.getDocsFromServer(ordered)).docs.map((found) => found.id);
  said.total = (await fs.getCountFromServer(fs.query(rooms, fs.where("i", ">", 1)))).data().count;

  try {
    await fs.updateDoc(fs.doc(one.database, "rooms/none"), { i: 1 });
  } catch (error) {
    said.refused = error.code;
  }
  await fs.setDoc(fs.doc(one.database, "rooms/after"), { i: 9 });  // a refused write ends its stream

  const small = st.ref(one.storage, "avatars/ada/note ä.txt");
  await st.uploadBytes(small, new TextEncoder().encode("hello"), {
    contentType: "text/plain", customMetadata: { by: "ada" },
  });
  const metadata = await st.getMetadata(small);
  said.stored = [metadata.size, metadata.contentType, metadata.customMetadata.by];
  said.read = new TextDecoder().decode(await st.getBytes(small));
  const url = await st.getDownloadURL(small);
  const range = await fetch(url, { headers: { Range: "bytes=1-3" } });
  said.range = [range.status, await range.text(), range.headers.get("content-range")];
  const large = st.ref(one.storage, "avatars/ada/large.bin");
  const task = st.uploadBytesResumable(large, new Uint8Array(700_000));
  const progress = [];
  task.on("state_changed", (snapshot) => progress.push(snapshot.bytesTransferred));
  await task;
  said.resumed = [(await st.getMetadata(large)).size, progress.length > 1];
  said.listed = (await st.listAll(st.ref(one.storage, "avatars/ada"))).items.map((item) => item.name);
  await st.deleteObject(small);
  said.missing = await st.getDownloadURL(small).catch((error) => error.code);
  await Promise.all([one, other].map(({ database }) => fs.terminate(database)));
  return said;
}
