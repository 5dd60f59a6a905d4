// Admitting with Prisma 7, over node-postgres. The connection is what PGHOST, PGUSER and PGDATABASE say.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.MODULES ?? process.cwd()}/`); // in an application: import as ever
const { PrismaClient } = require("@prisma/client");
const { PrismaPg } = require("@prisma/adapter-pg");

const prisma = new PrismaClient({ adapter: new PrismaPg({}) });

// ANCHOR: admit
/** Before the rows are created, in their transaction. A code that the database makes is null. */
function hold(tx, collection, ...codes) {
  return tx.$queryRaw`SELECT birthgate.permit_reserve_many(birthgate.permit_request_many(${collection}, ${codes}::text[]))`;
}

async function admit(...tools) {
  await prisma.$transaction(async (tx) => {
    await hold(tx, "dot_tools", ...tools.map(({ code }) => code));
    await tx.dot_tools.createMany({ data: tools });
  });
}
// ANCHOR_END: admit

// ANCHOR: refused
/** What Birthgate refused, or undefined. */
function refusal(error) {
  const said = error.meta?.driverAdapterError?.cause;
  if (said?.originalCode?.startsWith("PB")) return [said.originalCode, said.originalMessage, said.detail, said.hint];
}
// ANCHOR_END: refused

const say = (...words) => console.log(words.join("|"));
try {
  await prisma.dot_tools.create({ data: { code: "DOT-1", name: "one" } });
} catch (error) {
  say("refused:", ...refusal(error));
}
await admit({ code: "DOT-1", name: "one" });
await admit({ code: "DOT-2", name: "two" }, { code: "DOT-3", name: "three" });
await prisma.$transaction(async (tx) => {
  await hold(tx, "orders", null);
  say("made:", (await tx.orders.create({ data: { note: "the first" } })).id);
});
await prisma.$disconnect();
