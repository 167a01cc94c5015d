// Where the data come from and decisions go to: the server of `demitasse view`, or the page itself.
"use strict";

const served = {
  load: () => Promise.all([get("/api/review"), get("/api/edits")]).then(([data, edits]) => ({ data, edits })),
  detail: (medium) => get(`/api/medium/${medium}`),
  url: (medium) => `/media/${medium}`,
  async save(edit) {
    const body = JSON.stringify({ item: edit.item, of: edit.of, decision: edit.decision, changes: edit.changes });
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch("/api/edits", { method: "POST", body, headers });
    const told = await answer.json();
    if (!answer.ok) throw new Refused(told.error);
    return told;
  },
};

const embedded = {
  load: async () => {
    const data = JSON.parse(byId("data").textContent);
    embedded.data = data;
    embedded.place = `demitasse ${data.title} ${data.items.length} ${data.items.length ? data.items[0].item : ""}`;
    embedded.own = new Map(JSON.parse(recalled(embedded.place) || "[]").map((edit) => [keyOf(edit), edit]));
    return { data, edits: [...data.edits, ...embedded.own.values()] };
  },
  detail: async (medium) => embedded.data.details[medium],
  url: (medium) => embedded.data.media[medium].url,
  async save(edit, item) {
    const fault = faultOf(edit, item);
    if (fault) throw new Refused(fault);
    const kept = rowOf(edit, item);
    embedded.own.set(keyOf(kept), kept);
    remember(embedded.place, JSON.stringify([...embedded.own.values()]));
    showDownload();
    return kept;
  },
};

class Refused extends Error {}
let source = served;

async function get(path) {
  const answer = await fetch(path);
  const told = await answer.json();
  if (!answer.ok) throw new Refused(told.error);
  return told;
}

function recalled(place) {
  try { return localStorage.getItem(place); } catch { return null; }
}

function remember(place, text) {
  try { localStorage.setItem(place, text); } catch { toast("The browser has no room left: download your decisions now.", true); }
}

// A decision as `edits.jsonl` has it; a server that is there writes its own.
function rowOf(edit, item) {
  const about = { task: item.task, media: state.data.media[item.medium].name, who: byId("who").value };
  const row = { ...edit, ...about, time: new Date().toISOString() };
  if (!Object.keys(row.changes).length) delete row.changes;
  return row;
}

function faultOf(edit, item) {
  const text = textOf(item, edit);
  if (!text.question.trim()) return "the question is empty";
  if (!text.answer.trim()) return "the answer is empty";
  if (item.task === "expression" && text.answer.trim() === "[]") return "the answer holds no box; reject the expression instead";
  const letters = questionParts(text.question).options.map((option) => option.letter);
  if (/^mcq/.test(item.task) && !letters.includes(letterOf(text.answer))) return `the answer must begin with one of the letters ${letters.join(", ")}`;
  if (/^bcq/.test(item.task) && !/^(yes|no)\b/i.test(text.answer.trim())) return "the answer must begin with Yes or No";
  return "";
}

function showDownload() {
  const count = embedded.own.size;
  byId("download").hidden = byId("who").hidden = false;
  byId("download").disabled = !count;
  byId("download").textContent = count ? `Download decisions (${count})` : "Download decisions";
  embedded.unsaved = count > 0;
}

function download() {
  const kept = source === embedded ? embedded.own.values() : waiting.values();
  const rows = [...kept].map((edit) => JSON.stringify(edit) + "\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(rows, { type: "application/x-ndjson" }));
  link.download = "edits.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  embedded.unsaved = false;
}
