// Runs the scenarios with the official client in Node: node node.mjs '{"url":…,"mode":…}'.
import { io } from "socket.io-client";
import { report } from "./report.mjs";
import { run } from "./scenarios.mjs";

await run({ ...JSON.parse(process.argv[2]), io, node: true, report });
process.exit(0);
