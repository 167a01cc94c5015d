// Pieces of the page and the text in them. No library, no build step: page.html names the scripts in their order.
//
// All text is data: it is put into the page as text nodes, never as markup. The same scripts run on the page that
// `demitasse view` serves and in the one file that `--static` writes; only `source` differs.
"use strict";

const byId = (id) => document.getElementById(id);
const CLOCK = /\b(\d{1,2}:)?\d{1,2}:\d{2}(\.\d+)?\b/g;

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
