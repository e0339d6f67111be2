/* Node's Socket.IO client, without a line of code for recovery: recovering.cjs URL TOKEN TRANSPORTS.
 * It prints a line of JSON for each connection and each message; a line of input breaks it. */
const { io } = require("socket.io-client");

const [url, token, transports] = process.argv.slice(2);
const client = io(url, {
  auth: { token },
  transports: transports.split(","),
  reconnectionDelay: 50,
  reconnectionDelayMax: 500,
});
const say = (line) => console.log(JSON.stringify(line));

client.on("connect", () => say({ recovered: client.recovered, id: client.id }));
client.on("updated_model", ({ event, model }) => {
  if (event === "message.created") say({ source: model.source });
});
client.on("resync", () => say({ resync: true }));
process.stdin.on("data", () => client.io.engine && client.io.engine.close());
process.stdin.on("end", () => process.exit(0));
