// The stock client, as a page or an app would use it: `node client.mjs URL TOKEN TRANSPORTS`.
// Says in lines of JSON what it hears, and does what the lines of its input say: {"ask": event, "with": arguments}.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, token, transports] = process.argv.slice(2);
const say = (kind, told) => console.log(JSON.stringify({ kind, told }));
const options = { auth: { token }, reconnection: false };
const socket = io(url, transports ? { ...options, transports: transports.split(",") } : options);

socket.on("connect", () => say("connect", socket.io.engine.transport.name));
socket.io.engine.once("upgrade", (transport) => say("upgrade", transport.name));
socket.on("connect_error", (error) => {
  say("connect_error", { message: error.message, data: error.data });
  process.exit();
});
socket.on("disconnect", (reason) => {
  say("disconnect", reason);
  process.exit();
});
socket.onAny((event, told) => say(event, told));

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, with: given } = JSON.parse(line);
  say("answer", await socket.timeout(30_000).emitWithAck(ask, ...given));
}
socket.disconnect();
