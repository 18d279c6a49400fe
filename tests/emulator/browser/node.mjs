// The scenario under Node, where the SDK speaks gRPC; prints what came of it.
import * as app from "firebase/app";
import * as firestore from "firebase/firestore";
import * as storage from "firebase/storage";
import { scenario } from "./scenario.mjs";

console.log(JSON.stringify(await scenario({ app, firestore, storage }, JSON.parse(process.argv[2]))));
process.exit(0);
