// Reports how a client sees the server shut down: node shutdown.mjs '{"url":…,"mode":…}'.
import { io } from "socket.io-client";
import { Clients } from "./clients.mjs";
import { report } from "./report.mjs";

const clients = new Clients({ ...JSON.parse(process.argv[2]), io });
const socket = await clients.open("/", { reconnection: true });
socket.emit("shutdown");
const [reason] = await clients.next(socket, "disconnect");
report({ reason, active: socket.active });
process.exit(0);
