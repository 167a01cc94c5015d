// The list of media and items: which of them the filters let through, walking through them, how far a person is.
"use strict";

const ROW = 30; // pixels, as in page.css

function wordsOf(index) {
  const item = state.data.items[index];
  const text = textOf(item, editOf(item));
  // One question asks every video for all keys: its classes would be found everywhere. So `weather: dense fog` is found.
  const asked = item.keyed ? text.answer.replaceAll('"', "") : text.question;
  const found = [asked, text.answer, text.reasoning, item.reply || "", state.data.media[item.medium].name];
  for (const [, , , reason] of item.marks || []) found.push(reason);
  return found.join("\n").toLowerCase();
}

function isShown(index, wanted) {
  const item = state.data.items[index];
  if (wanted.task && item.task !== wanted.task) return false;
  if (wanted.state === "decided" ? !isDecided(item) : wanted.state && decisionOf(item) !== wanted.state) return false;
  if (wanted.mark && !(item.marks || []).some((mark) => `${mark[0]}\n${mark[1]}` === wanted.mark || mark[2] === wanted.mark)) return false;
  return !wanted.words || (state.search[index] ??= wordsOf(index)).includes(wanted.words);
}

function filter() {
  const wanted = {
    words: byId("search").value.trim().toLowerCase(), task: byId("by-task").value,
    state: byId("by-state").value, mark: byId("by-mark").value,
  };
  const anything = !wanted.words && !wanted.task && !wanted.state && !wanted.mark;
  const before = state.rows[state.at] || {};
  const rows = [];
  let items = 0;
  let index = 0;
  state.data.media.forEach((medium, number) => {
    const head = { medium: number };
    const from = rows.length;
    for (; index < state.data.items.length && state.data.items[index].medium === number; index += 1) {
      if (isShown(index, wanted)) rows.push({ item: state.data.items[index], medium: number });
    }
    items += rows.length - from;
    const bare = anything || (wanted.words && !wanted.task && !wanted.state && !wanted.mark && medium.name.toLowerCase().includes(wanted.words));
    if (rows.length > from || bare) rows.splice(from, 0, head);
  });
  state.rows = rows;
  byId("shown").textContent = `${number(items)} of ${number(state.data.items.length)} items`;
  byId("rows").style.height = `${rows.length * ROW}px`;
  const same = rows.findIndex((row) => before.item && row.item === before.item);
  select(same >= 0 ? same : rows.findIndex((row) => row.item || !state.data.items.length));
}

function drawList() {
  const list = byId("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.min(state.rows.length, first + Math.ceil(list.clientHeight / ROW) + 12);
  const nodes = [];
  for (let index = first; index < last; index += 1) nodes.push(state.rows[index].item ? itemRow(index) : mediumRow(index));
  byId("rows").replaceChildren(...nodes);
  list.setAttribute("aria-activedescendant", state.at >= 0 ? `row-${state.at}` : "");
}

function mediumRow(index) {
  const { medium } = state.rows[index];
  const row = make("div", "row medium", make("span", "name", visible(state.data.media[medium].name)));
  if (state.data.media[medium].note) row.append(make("span", "chip unsure", state.data.media[medium].note.split(":")[0].split(" ")[0]));
  return placed(row, index);
}

function itemRow(index) {
  const { item } = state.rows[index];
  const words = make("span", "words", titleOf(item));
  words.dir = "auto";
  const row = make("div", `row ${decisionOf(item)}`, dotOf(item));
  row.dataset.item = item.index;
  // Rows that scroll under a pointer at rest are not pointed at.
  row.onpointermove = (event) => { if (event.movementX || event.movementY) point({ kind: "item", index: item.index }); };
  row.onpointerleave = () => point(null);
  row.classList.toggle("lit", Boolean(scene && scene.litItems && scene.litItems.has(item.index)));
  if ((item.marks || []).some((mark) => mark[2] === "bad")) row.append(marked(make("span", "flag", "▲"), "a bad verdict"));
  if (item.task !== "expression") row.append(make("span", "task", plain(item.task)));
  row.append(words);
  return placed(row, index);
}

// A sign of a colour and a shape, and what it says for those who see neither.
function marked(sign, words) {
  return Object.assign(sign, { role: "img", ariaLabel: words, title: words });
}

const dotOf = (item) => marked(make("span", "dot"), WORDS[decisionOf(item)]);

// A line for an item: its question, or where questions all begin alike what it says: its label, or its boxes' phrase.
function titleOf(item) {
  const { question, answer } = textOf(item, editOf(item));
  if (item.keyed) return answer.replace(/[{}"]/g, "").replace(/\s+/g, " ").trim();
  const [, label] = (item.units && /"label": ("(?:[^"\\]|\\.)*")/.exec(answer)) || [];
  return label ? JSON.parse(label) : question.split("\n")[0];
}

function placed(row, index) {
  row.style.top = `${index * ROW}px`;
  Object.assign(row, { id: `row-${index}`, role: "option", ariaSelected: String(index === state.at) });
  Object.assign(row, { ariaPosInSet: String(index + 1), ariaSetSize: String(state.rows.length) }); // the rest is not drawn
  row.classList.toggle("at", index === state.at);
  row.onclick = () => select(index);
  return row;
}

function select(index) {
  leaveItem();
  if (index < 0 || index >= state.rows.length) { state.at = -1; drawList(); drawCard(); return; }
  state.at = index;
  state.editing = false;
  const list = byId("list");
  const top = index * ROW;
  if (top < list.scrollTop + ROW) list.scrollTop = top - ROW;
  if (top > list.scrollTop + list.clientHeight - 2 * ROW) list.scrollTop = top - list.clientHeight + 2 * ROW;
  drawList();
  showMedium(state.rows[index].medium);
  drawCard();
  const item = current();
  if (item) history.replaceState(null, "", `#${item.item}`);
}

function step(by) {
  let index = state.at + by;
  while (index >= 0 && index < state.rows.length && !state.rows[index].item && state.data.items.length) index += by;
  if (index >= 0 && index < state.rows.length) select(index);
}

function stepMedium(by) {
  const medium = (state.rows[state.at] || {}).medium;
  const from = by > 0 ? state.at : state.rows.findIndex((row) => row.medium === medium);
  for (let index = from + by; index >= 0 && index < state.rows.length; index += by) {
    const row = state.rows[index];
    if (row.medium === medium) continue;
    const first = state.rows.findIndex((one) => one.medium === row.medium);
    const next = state.rows[first + 1];
    select(next && next.medium === row.medium && !state.rows[first].item ? first + 1 : first);
    return;
  }
}

function goToUndecided() {
  for (let index = state.at + 1; index < state.rows.length; index += 1) {
    if (state.rows[index].item && !isDecided(state.rows[index].item)) { select(index); return true; }
  }
  return false;
}

function fill(id, first, options) {
  byId(id).replaceChildren(new Option(first, ""), ...options.map(([value, words]) => new Option(words, value)));
  byId(id).onchange = () => { filter(); byId(id).blur(); };
}

function fillFilters() {
  const tasks = new Map();
  const marks = new Map();
  for (const item of state.data.items) {
    tasks.set(item.task, (tasks.get(item.task) || 0) + 1);
    for (const [name, verdict] of item.marks || []) marks.set(`${name}\n${verdict}`, (marks.get(`${name}\n${verdict}`) || 0) + 1);
  }
  fill("by-task", "All tasks", [...tasks].map(([task, count]) => [task, `${plain(task)} (${number(count)})`]));
  fill("by-state", "Any decision", Object.entries({ open: "undecided", decided: "decided", accept: "accepted", edit: "edited", reject: "rejected", stale: "text has changed" }));
  const verdicts = [...marks].sort().map(([mark, count]) => [mark, `${plain(mark.split("\n")[0])}: ${mark.split("\n")[1]} (${number(count)})`]);
  fill("by-mark", "Any verdict", [["bad", "any bad verdict"], ...verdicts]);
  byId("by-mark").hidden = !verdicts.length;
  byId("by-state").hidden = !state.data.decidable;
  document.body.classList.toggle("looking", !state.data.decidable);
}

function refresh() {
  const counts = { accept: 0, edit: 0, reject: 0, open: 0, stale: 0 };
  for (const item of state.data.items) counts[decisionOf(item)] += 1;
  const all = state.data.items.length;
  for (const name of ["accept", "edit", "reject"]) {
    document.querySelector(`.progress .${name}`).style.width = `${(100 * counts[name]) / Math.max(1, all)}%`;
  }
  const done = counts.accept + counts.edit + counts.reject;
  const told = ["accept", "edit", "reject", "stale"].filter((name) => counts[name]).map((name) => `${number(counts[name])} ${WORDS[name]}`);
  byId("count").replaceChildren(make("b", "", number(done)), ` of ${number(all)} decided${told.length ? ` · ${told.join(" · ")}` : ""}`);
  if (!state.data.decidable) byId("count").replaceChildren(`${number(all)} items`);
  drawList();
  drawCard();
}
