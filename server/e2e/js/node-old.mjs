// Runs the scenarios with client 2.x in Node: node node-old.mjs '{"url":…,"mode":…}'.
import io from "socket.io-client-v2";
import { runOld } from "./old.mjs";
import { report } from "./report.mjs";

await runOld({ ...JSON.parse(process.argv[2]), io, node: true, report });
process.exit(0);
