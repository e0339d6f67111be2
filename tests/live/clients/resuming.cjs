/* The client of version 3, which has no recovery: resuming.cjs URL TOKEN TRANSPORTS AFTER. What it
 * needs in its place are the lines with `after`: it begins after the event of that id. For the rest
 * it is as recovering.cjs. */
const { io } = require("socket.io-client-3");

let [url, token, transports, after] = process.argv.slice(2);
const client = io(url, {
  auth: (tell) => tell({ token, after }),
  transports: transports.split(","),
  reconnectionDelay: 50,
  reconnectionDelayMax: 500,
});
const say = (line) => console.log(JSON.stringify(line));

client.on("connect", () => say({ recovered: false, id: client.id }));
client.on("updated_model", ({ id, event, model }) => {
  after = id;
  if (event === "message.created") say({ source: model.source });
});
client.on("resync", () => say({ resync: true }));
process.stdin.on("data", () => client.io.engine && client.io.engine.close());
process.stdin.on("end", () => process.exit(0));
