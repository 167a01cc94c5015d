// The review page: a list, a video with its captions on a timeline, an item to decide on. No library, no build step.
//
// All text is data: it is put into the page as text nodes, never as markup. The same script runs on the page that
// `demitasse view` serves and in the one file that `--static` writes; only `source` differs.
"use strict";

const ROW = 30; // pixels, as in page.css
const OPTION = /^[ \t]*\(?([A-Z])[.):][ \t]*(?=\S)/;
const CLOCK = /\b(\d{1,2}:)?\d{1,2}:\d{2}(\.\d+)?\b/g;
const WORDS = { accept: "accepted", edit: "edited", reject: "rejected", open: "undecided", stale: "text has changed" };
const TONES = ["bad", "unsure", "plain", "good"]; // what speaks against an item is read first
const byId = (id) => document.getElementById(id);

const state = {
  data: null, // the overview: media and items
  edits: new Map(), // key of item and text -> decision
  earlier: new Map(), // item -> decisions about other texts of it
  rows: [], // what the list shows: {medium} or {item}
  at: -1, // row that is looked at
  details: new Map(), // medium -> promise of its captions and provenance
  medium: -1, // on the screen
  undo: [],
  editing: false,
  search: [], // item -> its words in lower case, made when first searched
};

// --- where the data come from and decisions go to ---------------------------------------------------------------

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

// --- decisions --------------------------------------------------------------------------------------------------

const keyOf = (one) => `${one.item} ${one.of}`;
const editOf = (item) => state.edits.get(item.key);
const decisionOf = (item) => {
  const edit = editOf(item);
  if (edit) return edit.decision;
  return (state.earlier.get(item.item) || []).some((one) => one.decision !== "open") ? "stale" : "open";
};
const isDecided = (item) => !["open", "stale"].includes(decisionOf(item));
const textOf = (item, edit) => ({
  question: item.question, answer: item.answer, reasoning: item.reasoning || "", ...((edit && edit.changes) || {}),
});

function putEdits(edits) {
  const known = new Set(state.data.items.map((item) => item.key));
  state.earlier = new Map();
  for (const edit of edits) {
    if (known.has(keyOf(edit))) state.edits.set(keyOf(edit), edit);
    else state.earlier.set(edit.item, [...(state.earlier.get(edit.item) || []), edit]);
  }
}

let queue = Promise.resolve(); // decisions are written in the order in which they were taken
const waiting = new Map(); // decisions that are not on the disk yet: their rows, should the server never come back

// `undone` is the entry of the undo list that this decision belongs to: one key may decide on several items.
function decide(item, decision, changes = {}, undone = null) {
  const key = item.key;
  const before = state.edits.get(key);
  const edit = { item: item.item, of: item.of, decision, changes };
  state.edits.set(key, edit);
  if (undone) undone.push({ item, before });
  waiting.set(edit, rowOf(edit, item));
  refresh();
  const saved = queue.then(() => persist(edit, item)).then(
    () => waiting.delete(edit),
    (error) => {
      waiting.delete(edit);
      if (before) state.edits.set(key, before); else state.edits.delete(key);
      if (undone) state.undo = state.undo.filter((one) => one !== undone);
      refresh();
      throw error;
    },
  );
  queue = saved.catch(() => {});
  return saved;
}

async function persist(edit, item) {
  for (;;) {
    try {
      const kept = await source.save(edit, item);
      lost(0);
      return kept;
    } catch (error) {
      if (error instanceof Refused) throw error;
      lost(waiting.size);
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
}

function lost(count) {
  if (source === embedded || (!count && !lost.before)) return;
  lost.before = count;
  const words = `${count} ${count === 1 ? "decision is" : "decisions are"} not saved`;
  trouble(count ? `The server does not answer, and ${words}: download them, and give the file to apply-edits beside edits.jsonl.` : "");
  byId("download").hidden = !count;
  byId("download").textContent = `Download decisions (${count})`;
}

function judge(decision) {
  const item = current();
  if (!item || !state.data.decidable) return;
  decide(item, decision, {}, noted()).catch((error) => toast(error.message, true));
  if (!goToUndecided()) toast("Nothing undecided follows in this list.");
}

function noted() {
  state.undo.push([]);
  return state.undo[state.undo.length - 1];
}

function acceptMedium() {
  const { medium } = state.rows[state.at] || {};
  const rest = state.data.items.filter((item) => item.medium === medium && !isDecided(item));
  if (!rest.length || !state.data.decidable) return;
  const undone = noted();
  for (const item of rest) decide(item, "accept", {}, undone).catch((error) => toast(error.message, true));
  toast(`${number(rest.length)} accepted.`);
  goToUndecided();
}

function undo() {
  const last = state.undo.pop();
  if (!last || !last.length) { toast("There is nothing to undo."); return; }
  for (const { item, before } of last) {
    const { decision, changes } = before || { decision: "open" };
    decide(item, decision, changes || {}).catch((error) => toast(error.message, true));
  }
  const row = state.rows.findIndex((one) => one.item === last[0].item);
  if (row >= 0) select(row);
}

// --- the list ---------------------------------------------------------------------------------------------------

const current = () => (state.rows[state.at] || {}).item;

function wordsOf(index) {
  const item = state.data.items[index];
  const text = textOf(item, editOf(item));
  const found = [text.question, text.answer, text.reasoning, item.reply || "", state.data.media[item.medium].name];
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
}

function mediumRow(index) {
  const { medium } = state.rows[index];
  const row = make("div", "row medium", make("span", "name", visible(state.data.media[medium].name)));
  if (state.data.media[medium].note) row.append(make("span", "chip unsure", state.data.media[medium].note.split(":")[0].split(" ")[0]));
  return placed(row, index);
}

function itemRow(index) {
  const { item } = state.rows[index];
  const words = make("span", "words", textOf(item, editOf(item)).question.split("\n")[0]);
  words.dir = "auto";
  const row = make("div", `row ${decisionOf(item)}`, make("span", "dot"));
  if ((item.marks || []).some((mark) => mark[2] === "bad")) row.append(make("span", "flag", "▲"));
  row.append(make("span", "task", plain(item.task)), words);
  return placed(row, index);
}

function placed(row, index) {
  row.style.top = `${index * ROW}px`;
  row.classList.toggle("at", index === state.at);
  row.onclick = () => select(index);
  return row;
}

function select(index) {
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

// --- the video, its timeline and its captions -------------------------------------------------------------------

let video = null;

function showMedium(index) {
  if (index === state.medium) { drawTimes(); return; }
  state.medium = index;
  const medium = state.data.media[index];
  const name = byId("medium-name");
  name.replaceChildren(visible(medium.name));
  if (medium.length) name.append(make("span", "faint", `${medium.length.toFixed(1)} s`));
  showScreen(medium, index);
  byId("timeline").replaceChildren();
  byId("captions").replaceChildren();
  detail(index).then((told) => { if (state.medium === index) drawDetail(told, medium); }, (error) => toast(error.message, true));
  if (index + 1 < state.data.media.length) detail(index + 1).catch(() => {});
}

function detail(index) {
  if (!state.details.has(index)) {
    state.details.set(index, source.detail(index));
    if (state.details.size > 50) state.details.delete(state.details.keys().next().value);
  }
  return state.details.get(index);
}

function showScreen(medium, index) {
  const screen = byId("screen");
  if (video) { video.removeAttribute("src"); video.load(); }
  video = null;
  if (medium.kind === "image") {
    const image = make("img");
    image.alt = medium.name;
    image.onload = drawBoxes;
    image.onerror = () => cannot(medium);
    image.src = source.url(index);
    screen.replaceChildren(image, make("canvas"));
  } else if (medium.kind === "video") {
    video = make("video");
    Object.assign(video, { muted: true, loop: true, preload: "auto", playsInline: true, tabIndex: -1 });
    video.onloadedmetadata = () => { drawTimes(); drawBoxes(); };
    video.ontimeupdate = video.onseeked = tick;
    video.onplay = () => requestAnimationFrame(run);
    video.onpause = tick;
    video.onclick = toggle;
    video.onerror = () => cannot(medium);
    video.src = source.url(index);
    screen.replaceChildren(video, make("canvas"));
  } else {
    screen.replaceChildren(make("div", "nothing", `Not shown: ${medium.fault}`));
  }
}

function cannot(medium) {
  const words = `This browser cannot show ${visible(medium.name)}: the file is missing, damaged, or of a kind that it does not play.`;
  byId("screen").replaceChildren(make("div", "nothing", words));
}

function toggle() {
  if (video && video.paused) video.play().catch(() => {});
  else if (video) video.pause();
}

function toggleSound() {
  if (!video) return;
  video.muted = !video.muted;
  toast(video.muted ? "Sound off." : "Sound on.");
}

function toggleFull() {
  if (document.fullscreenElement) document.exitFullscreen();
  else byId("screen").requestFullscreen().catch(() => {});
}

function run() {
  tick();
  if (video && !video.paused) requestAnimationFrame(run);
}

const duration = () => {
  if (video && Number.isFinite(video.duration) && video.duration > 0) return video.duration;
  return state.data.media[state.medium].length || Math.max(1, ...[...document.querySelectorAll(".seg")].map((seg) => +seg.dataset.end));
};

function drawDetail(told, medium) {
  const tracks = Object.entries(told.tracks).filter(([, spans]) => spans.length);
  const captions = [];
  const { Mode: mode, ...texts } = told.texts;
  if (mode) byId("medium-name").append(make("span", "faint", mode));
  if (medium.note) captions.push(make("p", "notice", medium.note));
  for (const [name, spans] of tracks) {
    captions.push(make("h3", "", name), ...spans.map((span) => captionLine(name, span)));
  }
  for (const [name, text] of Object.entries(texts)) captions.push(make("h3", "", name), prose(text));
  if (!captions.length) captions.push(make("p", "faint", "No captions were kept for this one."));
  byId("captions").replaceChildren(...captions);
  byId("captions").scrollTop = 0;
  drawTracks(tracks);
  drawCard();
}

function captionLine(name, [start, end, text]) {
  const line = make("div", "line", timeButton(`${clock(start)} – ${clock(end)}`, start), prose(text));
  Object.assign(line.dataset, { start, end });
  return line;
}

function drawTracks(tracks) {
  const parts = [];
  if (video) parts.push(track("item-times", "this item", []));
  for (const [name, spans] of tracks) parts.push(track(name.toLowerCase(), name, spans));
  if (video && !tracks.length) parts.push(track("whole", "Video", []));
  if (video || tracks.length) {
    const play = make("button", "position");
    Object.assign(play, { onclick: toggle, title: "play, pause (Space)", tabIndex: -1 });
    parts.push(make("div", "ruler", play, make("div", "ticks")));
    parts.push(make("div", "playhead"));
  }
  byId("timeline").replaceChildren(...parts);
  drawTimes();
}

// Stretches that overlap lie one below the other.
function lanes(spans) {
  const ends = [];
  return spans.map(([start, end]) => {
    const free = ends.findIndex((last) => last <= start);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = end;
    return lane;
  });
}

function track(kind, label, spans) {
  const segs = spans.map(segment);
  const places = lanes(spans);
  const deep = Math.min(4, 1 + Math.max(0, ...places));
  segs.forEach((seg, index) => {
    seg.style.top = `${(100 * (places[index] % deep)) / deep}%`;
    seg.style.height = `${100 / deep}%`;
  });
  const bar = make("div", "bar", ...segs);
  bar.style.height = `${[15, 20, 27, 34][deep - 1]}px`;
  bar.onclick = (event) => {
    if (event.target === bar) seek((event.offsetX / bar.clientWidth) * duration());
  };
  return make("div", `track ${kind}`, make("span", "label", label), bar);
}

function segment([start, end, text]) {
  const seg = make("button", "seg");
  seg.tabIndex = -1;
  seg.title = `${clock(start)} – ${clock(end)}  ${text}`;
  Object.assign(seg.dataset, { start, end });
  seg.onclick = () => seek(start);
  return seg;
}

// Places everything by the video's length, which is known for certain only once its file is there.
function drawTimes() {
  const bar = document.querySelector(".item-times .bar");
  const span = current() && itemSpan(current());
  if (bar) {
    bar.replaceChildren(...(span ? [segment([...span, "named by this item"])] : []));
    bar.parentNode.hidden = bar.parentNode.style.display = span ? "" : "none";
  }
  const whole = duration();
  for (const seg of document.querySelectorAll(".seg")) {
    const start = Math.min(+seg.dataset.start, whole);
    seg.style.left = `${(100 * start) / whole}%`;
    seg.style.width = `${(100 * Math.max(0, Math.min(+seg.dataset.end, whole) - start)) / whole}%`;
  }
  const ticks = document.querySelector(".ruler .ticks");
  if (ticks) {
    const every = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600].find((seconds) => whole / seconds <= 8) || whole;
    ticks.replaceChildren();
    for (let at = 0; at <= whole + 1e-6; at += every) {
      const mark = make("span", "", clock(at));
      mark.style.left = `${(100 * at) / whole}%`;
      if (at > 0.96 * whole) mark.className = "last";
      ticks.append(mark);
    }
  }
  tick();
}

// The times that an item's answer names, or else its question: what it is about.
function itemSpan(item) {
  const text = textOf(item, editOf(item));
  for (const words of [item.task === "temporal_localization" ? text.answer : "", text.question]) {
    const times = (words.match(CLOCK) || []).map(seconds);
    if (times.length >= 2) return [Math.min(...times), Math.max(...times)];
  }
  return null;
}

let lit = "";

function tick() {
  const now = video ? video.currentTime : 0;
  const head = document.querySelector(".playhead");
  const bar = document.querySelector(".timeline .bar");
  if (head && bar) {
    const whole = duration();
    head.style.left = `${74 + (Math.min(now, whole) / whole) * (byId("timeline").clientWidth - 74)}px`;
    document.querySelector(".position").textContent = `${video && !video.paused ? "❚❚" : "▶"} ${clock(now, true)}`;
  }
  let first = null;
  const marks = [];
  for (const part of document.querySelectorAll(".seg, .line")) {
    const on = Boolean(video) && now >= +part.dataset.start && now < +part.dataset.end;
    part.classList.toggle("now", on);
    if (on && part.classList.contains("line")) { first ??= part; marks.push(part.dataset.start); }
  }
  if (first && video && !video.paused && lit !== marks.join()) first.scrollIntoView({ block: "nearest" });
  lit = marks.join();
}

function seek(to) {
  if (!video) return;
  video.currentTime = Math.max(0, Math.min(to, Number.isFinite(video.duration) ? video.duration : to));
  tick();
}

function playItem() {
  const span = current() && itemSpan(current());
  if (!video || !span) { toast("This item names no stretch of the video."); return; }
  seek(span[0]);
  video.play().catch(() => {});
}

function drawBoxes() {
  const canvas = document.querySelector("#screen canvas");
  const shown = document.querySelector("#screen video, #screen img");
  if (!canvas || !shown) return;
  const [width, height] = [shown.videoWidth || shown.naturalWidth, shown.videoHeight || shown.naturalHeight];
  const pen = canvas.getContext("2d");
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  const boxes = (current() || {}).boxes || [];
  if (!width || !boxes.length) return;
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const [left, top] = [(canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2];
  pen.lineWidth = 2 * devicePixelRatio;
  pen.strokeStyle = "#ffb454";
  for (const [x1, y1, x2, y2] of boxes) {
    const [across, down] = Math.max(x1, y1, x2, y2) <= 1 ? [width, height] : [1, 1];
    pen.strokeRect(left + x1 * across * scale, top + y1 * down * scale, (x2 - x1) * across * scale, (y2 - y1) * down * scale);
  }
}

// --- the item ---------------------------------------------------------------------------------------------------

// A question in its parts. Joined again they are the question, whatever its dialect.
function questionParts(text) {
  const lines = text.split("\n");
  let [run, best] = [[], []];
  lines.forEach((line, index) => {
    const found = OPTION.exec(line);
    if (found && found[1] === String.fromCharCode(65 + run.length)) run.push(index);
    else if (found) run = found[1] === "A" ? [index] : [];
    else if (line.trim()) run = [];
    if (run.length >= 2) best = [...run];
  });
  if (!best.length) return { stem: text, options: [], rest: "" };
  let end = best[0]; // empty lines between question and options are the dialect's, not the question's
  while (end > 0 && !lines[end - 1].trim()) end -= 1;
  const options = best.map((index) => {
    const [mark, letter] = OPTION.exec(lines[index]);
    return { index, mark, letter, text: lines[index].slice(mark.length) };
  });
  return {
    lines, options, end, stem: lines.slice(0, end).join("\n"), rest: lines.slice(best[best.length - 1] + 1).join("\n"),
  };
}

function joined(parts, stem, texts) {
  if (!parts.options.length) return stem;
  const lines = [...parts.lines];
  parts.options.forEach((option, number) => { lines[option.index] = option.mark + texts[number]; });
  const tail = lines.slice(parts.end).join("\n");
  return parts.end ? `${stem}\n${tail}` : tail;
}

const letterOf = (answer) => (/^\s*\(?([A-Z])(?:[.):]|\s*$)/.exec(answer) || [])[1];

// The answer with another letter, or with the option's new text where it repeats the option.
function answered(answer, parts, letter, texts) {
  const old = parts.options.find((option) => option.letter === letterOf(answer));
  const place = parts.options.findIndex((option) => option.letter === letter);
  if (!old || place < 0) return answer;
  const tail = answer.slice(answer.indexOf(old.letter) + 1);
  const at = tail.indexOf(old.text.trimEnd());
  const said = at < 0 ? tail : tail.slice(0, at) + texts[place] + tail.slice(at + old.text.trimEnd().length);
  return answer.slice(0, answer.indexOf(old.letter)) + letter + said;
}

function drawCard() {
  const item = current();
  const card = byId("item");
  if (!item) {
    const medium = state.data.media[(state.rows[state.at] || {}).medium];
    const words = medium ? `There is no item about ${visible(medium.name)}.` : "Nothing fits these filters.";
    card.replaceChildren(make("p", "faint", words), ...(medium && medium.note ? [make("p", "notice", medium.note)] : []));
    byId("actions").replaceChildren();
    return;
  }
  if (state.editing) return;
  const edit = editOf(item);
  const parts = [cardHead(item), ...notices(item), ...questionBlock(item, edit), ...answerBlock(item, edit)];
  const text = textOf(item, edit);
  if (text.reasoning) parts.push(make("h3", "", "Reasoning"), prose(text.reasoning), ...was(item.reasoning || "", text.reasoning));
  if (item.marks) parts.push(make("h3", "", "Verdicts"), make("div", "marks", ...item.marks.toSorted((a, b) => TONES.indexOf(a[2]) - TONES.indexOf(b[2])).map(markLine)));
  parts.push(provenance(item));
  card.replaceChildren(...parts);
  card.scrollTop = 0;
  drawActions(item);
  drawBoxes();
}

function cardHead(item) {
  const where = `${number(item.index + 1)} of ${number(state.data.items.length)}`;
  const decision = decisionOf(item);
  const chip = state.data.decidable || decision !== "open" ? [make("span", `chip ${decision}`, WORDS[decision])] : [];
  return make("div", "head", make("span", "chip", plain(item.task)), ...chip, make("span", "where", where));
}

function notices(item) {
  if (decisionOf(item) !== "stale") return [];
  const edit = state.earlier.get(item.item).findLast((one) => one.decision !== "open");
  const words = `You ${WORDS[edit.decision]} this item when its text was another; it is undecided again.`;
  const changes = Object.entries(edit.changes || {}).map(([name, text]) => `\nYour ${name}: ${text}`);
  return [make("div", "notice text", words + changes.join(""))];
}

function questionBlock(item, edit) {
  const text = textOf(item, edit);
  const parts = questionParts(text.question);
  // How to answer is part of a question, but not what a person reads it for.
  const [, stem, instruction] = /^([^]*\S)\s*\n\s*((?:Answer|Choose|Provide|Use keywords)\b[^]*)$/.exec(parts.stem) || [, parts.stem, ""];
  const nodes = [prose(stem, "question")];
  if (instruction) nodes.push(make("div", "instruction text", instruction));
  if (parts.options.length) {
    const [right, said] = [letterOf(text.answer), item.reply === undefined ? undefined : letterOf(item.reply.replace(/^[^]*<\/think>/, "").trim())];
    nodes.push(make("div", "options", ...parts.options.map((option) => optionLine(option, right, said))));
    if (parts.rest.trim()) nodes.push(make("div", "instruction", parts.rest.trim()));
  }
  return [...nodes, ...was(item.question, text.question)];
}

function optionLine(option, right, said) {
  const kind = option.letter === right ? " right" : option.letter === said ? " said" : "";
  const line = make("div", `option${kind}`, make("span", "letter", option.letter), prose(option.text));
  if (said !== undefined && option.letter === said) line.append(make("span", "tag", "reply"));
  return line;
}

function answerBlock(item, edit) {
  const text = textOf(item, edit);
  const title = item.reply === undefined ? "Answer" : "Truth";
  const nodes = [make("h3", "", title), prose(text.answer, "answer"), ...was(item.answer, text.answer)];
  if (item.reply === undefined) return nodes;
  const [, thoughts, reply] = /^\s*<think>([^]*?)<\/think>([^]*)$/.exec(item.reply) || [, "", item.reply];
  nodes.push(make("h3", "", "Reply"), reply.trim() ? prose(reply.trim(), "answer") : make("span", "faint", "(empty)"));
  if (thoughts) nodes.push(make("h3", "", "Reasoning of the reply"), prose(thoughts.trim()));
  return nodes;
}

const was = (before, after) => (before === after ? [] : [prose(before || "(nothing)", "was")]);

function markLine([name, verdict, tone, reason]) {
  const said = make("div", "", make("span", `chip ${tone}`, plain(verdict) || "no verdict"));
  if (reason) said.append(" ", prose(reason, "small"));
  return make("div", "mark", make("span", "by", plain(name)), said);
}

function provenance(item) {
  const box = make("details", "", make("summary", "", "Where it comes from"));
  box.id = "provenance";
  box.open = provenance.open === true;
  box.ontoggle = async () => {
    provenance.open = box.open;
    if (!box.open || box.childElementCount > 1) return;
    const told = await detail(item.medium);
    const extra = told.extra[item.index] || {};
    const all = { ...extra, decision: editOf(item) || null, of_the_video: told.provenance };
    box.append(make("pre", "", JSON.stringify(all, null, 2)));
  };
  return box;
}

function drawActions(item) {
  const bar = byId("actions");
  if (!state.data.decidable) {
    bar.replaceChildren(action("↑", "", () => step(-1), "small", "previous (k)"), action("↓", "", () => step(1), "small", "next (j)"));
    return;
  }
  bar.replaceChildren(
    action("Accept", "a", () => judge("accept"), "accept"), action("Reject", "r", () => judge("reject"), "reject"),
    action("Edit", "e", () => openEditor(0)), action("↶", "", undo, "small", "undo (u)"),
    action("↑", "", () => step(-1), "small", "previous (k)"), action("↓", "", () => step(1), "small", "next (j)"),
  );
}

function action(words, key, act, kind = "", label = "") {
  const button = make("button", kind, words, key && make("kbd", "", key));
  if (label) button.title = button.ariaLabel = label;
  button.onclick = act;
  return button;
}

// --- the editor -------------------------------------------------------------------------------------------------

function openEditor(field) {
  const item = current();
  if (!item || !state.data.decidable) return;
  state.editing = true;
  const text = textOf(item, editOf(item));
  const parts = questionParts(text.question);
  const stem = area(parts.options.length ? parts.stem : text.question);
  const options = parts.options.map((option) => Object.assign(make("input"), { value: option.text, dir: "auto" }));
  const radios = parts.options.map((option) => Object.assign(make("input"), { type: "radio", name: "right", checked: option.letter === letterOf(text.answer) }));
  const [answer, reasoning] = [area(text.answer), area(text.reasoning)];
  const fault = make("p", "fault");
  const follow = () => {
    const chosen = radios.findIndex((radio) => radio.checked);
    if (chosen >= 0) answer.value = answered(text.answer, parts, parts.options[chosen].letter, options.map((one) => one.value));
  };
  [...radios, ...options].forEach((input) => { input.oninput = follow; });
  const form = make("div", "form", ...labelled("1", "Question", stem));
  if (parts.options.length) {
    form.append(make("label", "", make("kbd", "", "2"), " Options, and the right one"));
    parts.options.forEach((option, number) => form.append(make("div", "choice", radios[number], make("span", "faint", option.letter), options[number])));
  }
  form.append(...labelled("3", "Answer", answer), ...labelled("4", "Reasoning", reasoning), fault);
  const save = async () => {
    const said = { question: joined(parts, stem.value, options.map((one) => one.value)), answer: answer.value, reasoning: reasoning.value };
    const changes = Object.fromEntries(Object.entries(said).filter(([name, value]) => value !== (item[name] || "")));
    fault.textContent = "";
    try {
      await decide(item, Object.keys(changes).length ? "edit" : "accept", changes, noted());
    } catch (error) {
      fault.textContent = `Not saved: ${error.message}.`;
      fault.scrollIntoView({ block: "nearest" });
      return;
    }
    state.search[item.index] = undefined;
    if (current() !== item) return;
    closeEditor();
    if (!goToUndecided()) toast("Nothing undecided follows in this list.");
  };
  openEditor.save = save;
  byId("item").replaceChildren(cardHead(item), form);
  byId("actions").replaceChildren(
    action("Save", "Ctrl ↵", save, "save"), action("Cancel", "Esc", closeEditor),
  );
  const target = [stem, options[0] || answer, answer, reasoning][field];
  target.focus();
  target.setSelectionRange?.(target.value.length, target.value.length);
}

function closeEditor() {
  state.editing = false;
  document.activeElement.blur();
  drawCard();
  drawTimes();
}

function area(value) {
  return Object.assign(make("textarea"), { value, dir: "auto", spellcheck: true, rows: Math.min(12, 1 + Math.ceil(value.length / 52)) });
}

function labelled(key, words, input) {
  const label = make("label", "", make("kbd", "", key), ` ${words}`);
  input.ariaLabel = words;
  return [label, input];
}

// --- keys -------------------------------------------------------------------------------------------------------

const KEYS = [
  ["a", "accept, go on", () => judge("accept")],
  ["r", "reject, go on", () => judge("reject")],
  ["j ↓", "next item", () => step(1)],
  ["k ↑", "previous item", () => step(-1)],
  ["A", "accept the rest of this video", acceptMedium],
  ["n", "next undecided", () => goToUndecided() || toast("Nothing undecided follows in this list.")],
  ["J", "next video", () => stepMedium(1)],
  ["K", "previous video", () => stepMedium(-1)],
  ["u", "undo", undo],
  ["e 1", "edit the question", () => openEditor(0)],
  ["2", "edit the options", () => openEditor(1)],
  ["3", "edit the answer", () => openEditor(2)],
  ["4", "edit the reasoning", () => openEditor(3)],
  ["Space", "play, pause", toggle],
  ["← →", "one second", (key) => video && seek(video.currentTime + (key === "←" ? -1 : 1))],
  [", .", "one frame", (key) => { if (video) { video.pause(); seek(video.currentTime + (key === "," ? -1 : 1) / 25); } }],
  ["g", "play what the item is about", playItem],
  ["m", "sound", toggleSound],
  ["f", "full screen", toggleFull],
  ["p", "where it comes from", () => { const box = byId("provenance"); if (box) { box.open = !box.open; box.scrollIntoView({ block: "nearest" }); } }],
  ["/", "search", () => { byId("search").focus(); byId("search").select(); }],
  ["?", "these keys", () => byId("help").showModal()],
];
const NAMES = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→" };
const actions = new Map(KEYS.flatMap(([keys, , act]) => keys.split(" ").map((key) => [key, act])));

function onKey(event) {
  const field = event.target.closest?.("input:not([type=radio]), textarea, select");
  if (state.editing) {
    if (event.key === "Escape") { event.preventDefault(); closeEditor(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); openEditor.save(); }
    return;
  }
  if (byId("help").open) return;
  if (field) {
    if (event.key === "Escape" || (event.key === "Enter" && field.id === "search")) field.blur();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); undo(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("button, summary, a") && [" ", "Enter"].includes(event.key)) return;
  const key = NAMES[event.key] || event.key;
  const act = actions.get(key);
  if (!act) return;
  event.preventDefault();
  event.stopPropagation(); // the video's own controls would act a second time
  act(key);
}

// --- small things -----------------------------------------------------------------------------------------------

function make(tag, kind = "", ...content) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  node.append(...content.filter((one) => one !== ""));
  return node;
}

// Text as it was written; every time in it is a button that seeks.
function prose(text, kind = "") {
  const node = make("div", `text ${kind}`);
  node.dir = "auto";
  let from = 0;
  for (const found of text.matchAll(CLOCK)) {
    node.append(text.slice(from, found.index), timeButton(found[0], seconds(found[0])));
    from = found.index + found[0].length;
  }
  node.append(text.slice(from));
  return node;
}

function timeButton(words, at) {
  const button = make("button", "time", words);
  button.tabIndex = -1;
  button.onclick = () => seek(at);
  return button;
}

const seconds = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
const number = (value) => value.toLocaleString("en-GB");
const plain = (name) => name.replaceAll("_", " ");
// Control characters and marks that turn the writing direction would make a file's name look like another one.
const visible = (name) => name.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

function clock(time, fine = false) {
  const [whole, rest] = [Math.floor(time + 1e-6), time % 1];
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  const words = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return fine ? `${words}.${Math.floor((rest + 1e-6) * 10) % 10}` : words;
}

function toast(words, bad = false) {
  const node = byId("toast");
  node.textContent = words;
  node.className = `toast on${bad ? " bad" : ""}`;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { node.className = "toast"; }, bad ? 6000 : 2200);
}

function trouble(words, kind = "") {
  const node = byId("trouble");
  node.hidden = !words;
  node.textContent = words;
  node.className = `trouble ${kind}`;
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

function listen() {
  document.addEventListener("keydown", onKey, true);
  // A button that was clicked must not take the next Space.
  document.addEventListener("click", (event) => { if (event.detail) event.target.closest?.("button")?.blur(); });
  byId("list").addEventListener("scroll", drawList, { passive: true });
  let timer = 0;
  byId("search").oninput = () => { clearTimeout(timer); timer = setTimeout(filter, 130); };
  byId("show-help").onclick = () => byId("help").showModal();
  byId("download").onclick = download;
  new ResizeObserver(() => { drawList(); tick(); drawBoxes(); }).observe(document.body);
  window.addEventListener("beforeunload", (event) => { if (waiting.size || embedded.unsaved || state.editing) event.preventDefault(); });
  // Somebody may have decided in another window.
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden || waiting.size || source !== served) return;
    putEdits(await get("/api/edits").catch(() => []));
    refresh();
  });
  byId("keys").replaceChildren(...KEYS.flatMap(([keys, words]) => [
    make("dt", "", ...keys.split(" ").flatMap((key) => [make("kbd", "", key), " "])), make("span", "", words),
  ]));
}

async function start() {
  if (byId("data")) source = embedded;
  const { data, edits } = await source.load();
  state.data = data;
  data.items.forEach((item, index) => Object.assign(item, { index, key: keyOf(item) }));
  document.title = `${data.title} – Demitasse`;
  byId("title").textContent = visible(data.title);
  putEdits(edits);
  fillFilters();
  listen();
  if (source === embedded && data.decidable) { byId("who").value = data.who; showDownload(); embedded.unsaved = false; }
  if (data.notes.length) trouble(data.notes.join(" "), "note");
  const wanted = location.hash.slice(1);
  filter();
  const row = state.rows.findIndex((one) => one.item && one.item.item === wanted);
  if (row >= 0) select(row);
  refresh();
}

start().catch((error) => trouble(error.message || String(error)));
