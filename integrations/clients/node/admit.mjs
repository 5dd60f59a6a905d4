// Admitting with node-postgres. The connection is what PGHOST, PGUSER and PGDATABASE say.
import { createRequire } from "node:module";

const pg = createRequire(`${process.env.MODULES ?? process.cwd()}/`)("pg"); // in an application: import pg from "pg";

// ANCHOR: admit
function admit(client, code, name) {
  const insert = "INSERT INTO dot_tools (code, name) SELECT $1, $2 FROM birthgate.permit_hold('dot_tools', $1)";
  return client.query(insert, [code, name]);
}
// ANCHOR_END: admit

// ANCHOR: refused
/** What Birthgate refused, or undefined. */
function refusal(error) {
  if (error.code?.startsWith("PB")) return [error.code, error.message, error.detail, error.hint];
}
// ANCHOR_END: refused

// ANCHOR: retry
/** Runs a transaction, again where the server says so: 40001 is a serialization failure, 40P01 a deadlock. */
async function again(client, work) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query("BEGIN");
      const done = await work(client);
      await client.query("COMMIT");
      return done;
    } catch (error) {
      await client.query("ROLLBACK");
      if (attempt === 5 || !["40001", "40P01"].includes(error.code)) throw error;
    }
  }
}
// ANCHOR_END: retry

// ANCHOR: bulk
function admitAll(client, rows) {
  return again(client, async () => {
    const codes = rows.map(({ code }) => code);
    await client.query("SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('dot_tools', $1))", [codes]);
    const insert = "INSERT INTO dot_tools (code, name) SELECT * FROM unnest($1::text[], $2::text[])";
    await client.query(insert, [codes, rows.map(({ name }) => name)]);
  });
}
// ANCHOR_END: bulk

// ANCHOR: made
/** The database makes the code: an open permit. */
async function order(client, note) {
  const insert = "INSERT INTO orders (note) SELECT $1 FROM birthgate.permit_hold('orders', NULL) RETURNING id";
  return (await client.query(insert, [note])).rows[0].id;
}
// ANCHOR_END: made

// ANCHOR: once
/** The same key again answers the same permit, and inserts nothing. */
async function admitOnce(client, key, row) {
  return (await client.query("SELECT birthgate.admit('dot_tools', $1, $2) AS permit", [row, key])).rows[0].permit;
}
// ANCHOR_END: once

const say = (...words) => console.log(words.join("|"));
const client = new pg.Client();
await client.connect();
try {
  await client.query("INSERT INTO dot_tools (code, name) VALUES ('DOT-1', 'one')");
} catch (error) {
  say("refused:", ...refusal(error));
}
await admit(client, "DOT-1", "one");
await again(client, () => admit(client, "DOT-40001", "at the second attempt"));
await admitAll(client, [{ code: "DOT-2", name: "two" }, { code: "DOT-3", name: "three" }]);
say("made:", await order(client, "the first"));
const row = { code: "DOT-4", name: "four" };
say("once:", (await admitOnce(client, "key", row)) === (await admitOnce(client, "key", row)) ? "True" : "False");
// A refusal within a savepoint leaves the rest of the transaction as it was.
await again(client, async () => {
  await admit(client, "DOT-5", "five");
  await client.query("SAVEPOINT before");
  try {
    await client.query("INSERT INTO dot_tools (code) VALUES ('DOT-6')");
  } catch (error) {
    await client.query("ROLLBACK TO before");
    say("in a savepoint:", refusal(error)[0]);
  }
});
await client.end();
