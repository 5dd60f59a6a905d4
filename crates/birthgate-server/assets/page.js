// Keeps the page as it is now: its live parts are replaced by what the server renders. Without this it is as of its loading.
"use strict";

const parts = [...document.querySelectorAll("[data-live]")];
if (parts.length > 0) {
  const status = document.getElementById("stream");
  const target = document.getElementById("overview");
  let log;
  let shown = "";

  const say = (text) => {
    if (status && status.textContent !== text) status.textContent = text;
  };

  const parse = (html) => new DOMParser().parseFromString(html, "text/html");

  // Only what differs is replaced, and within its section, so that a screen reader tells what is new and nothing else.
  const replace = (into, nodes) => {
    const fresh = [...nodes];
    const old = [...into.children];
    if (fresh.length !== old.length) {
      into.replaceChildren(...fresh);
      return;
    }
    fresh.forEach((node, place) => {
      if (node.outerHTML === old[place].outerHTML) return;
      if (node.children.length > 1 && node.tagName === "DIV") replace(old[place], node.children);
      else if (!old[place].contains(document.activeElement)) old[place].replaceChildren(...node.childNodes);
    });
  };

  // What hangs on the evidence log is asked for again when the log has a new entry.
  const reload = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = parse(await answer.text());
    for (const part of document.querySelectorAll('[data-live="log"]')) {
      const now = fresh.getElementById(part.id);
      if (now) part.replaceChildren(...now.childNodes);
    }
  };

  const stream = new EventSource("/live");
  stream.addEventListener("message", (event) => {
    const look = JSON.parse(event.data);
    if (target && look.html !== shown) {
      shown = look.html;
      replace(target, parse(look.html).body.children);
    }
    if (log !== undefined && look.log !== null && look.log !== log) reload().catch(() => {});
    if (look.log !== null) log = look.log;
    say("Live.");
  });
  stream.addEventListener("error", () => say("The connection is lost. Trying again; what is shown may be old."));
}
