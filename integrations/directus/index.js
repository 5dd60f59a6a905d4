// A refusal of Birthgate's is a 403 with its message, detail and hint. Without this it is a 500 that says nothing.

export default ({ filter }, { database, env }) => {
  // Whatever refuses, and whoever asked: this is where an error of the database is first seen. What has this name is taken for
  // an error of Directus's own, and shown.
  database.on("query-error", (error) => {
    if (!/^PB[0-9A-Z]{3}$/.test(error.code)) return;
    const { detail, hint } = error;
    // Before what the database said stands the statement, and a dash.
    const message = error.message.replace(/^(?:"[^"]*"|[^"])*? - /, "");
    Object.assign(error, { name: "DirectusError", status: 403, message, extensions: { detail, hint } });
  });

  // In these collections alone, who may create an item is given the permit for it, in the item's own transaction.
  const held = String(env["BIRTHGATE_HOLD"] ?? "").split(",").map((name) => name.trim());
  filter("items.create", async (item, { collection }, { database, accountability }) => {
    // Directus asks later whether they may. Nobody else is told what is born, or that it cannot be.
    const may = !accountability || accountability.admin
      || accountability.permissions?.some((one) => one.collection === collection && one.action === "create");
    if (!held.includes(collection) || !may) return;
    // What is nested belongs to other tables.
    const row = Object.fromEntries(Object.entries(item).filter(([, value]) => value === null || typeof value !== "object"));
    const hold = "SELECT birthgate.permit_hold(?, birthgate.entity_code(?, ?::jsonb))";
    await database.raw(hold, [collection, collection, JSON.stringify(row)]);
  });
};
