// The official SDK of TypeScript, driven a line at a time: {"do": METHOD, "with": PARAMETERS} in, {"ok": …} or {"error": …} out.
// Arguments: a URL, or a program and its arguments.
import { createInterface } from "node:readline";

const sdk = `${process.env.MODULES}/node_modules/@modelcontextprotocol/sdk/dist/esm/client`;
const { Client } = await import(`${sdk}/index.js`);
const { StdioClientTransport } = await import(`${sdk}/stdio.js`);
const { StreamableHTTPClientTransport } = await import(`${sdk}/streamableHttp.js`);

const [where, ...rest] = process.argv.slice(2);
const headers = process.env.TOKEN ? { Authorization: `Bearer ${process.env.TOKEN}` } : {};
const transport = where.startsWith("http:")
  ? new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers } })
  : new StdioClientTransport({ command: where, args: rest, env: process.env, stderr: "inherit" });
const client = new Client({ name: "a test", version: "1" });

async function answer(what) {
  try {
    console.log(JSON.stringify({ ok: (await what()) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: { code: error.code ?? null, message: String(error.message) } }));
  }
}

await answer(async () => {
  await client.connect(transport);
  // Only afterwards does it know the schemas by which it judges the answers.
  await client.listTools();
  return { server: client.getServerVersion(), instructions: client.getInstructions() };
});
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const timeout = { timeout: 300_000 };
  await answer(() =>
    asked.do === "callTool"
      ? client.callTool(asked.with, undefined, timeout)
      : client[asked.do](asked.with, timeout),
  );
}
await client.close();
