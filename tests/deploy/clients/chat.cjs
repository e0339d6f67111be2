/* Node's Socket.IO client with its default options: chat.cjs URL TOKEN COUNT. It posts COUNT
 * messages, waits until each is back and rendered, and prints {transports, created, rendered}. */
const { io } = require("socket.io-client");

const [url, token, count] = process.argv.slice(2);
const seen = { transports: [], created: [], rendered: [] };
const client = io(url, { auth: { token } });

client.io.on("open", () => {
  const { engine } = client.io;
  seen.transports.push(engine.transport.name);
  engine.once("upgrade", () => {
    seen.transports.push(engine.transport.name);
    for (let number = 0; number < Number(count); number++) {
      client.emit("post_message", { source: `*${number}*` }, token);
    }
  });
});
client.on("connect_error", (error) => {
  console.error(String(error.description || error));
  process.exit(1);
});
client.on("updated_model", ({ event, model }) => {
  if (event === "message.created") seen.created.push(model.source);
  if (event === "message.updated" && model.rendered) seen.rendered.push(model.html);
  if (seen.rendered.length === Number(count)) {
    console.log(JSON.stringify(seen));
    process.exit(0);
  }
});
