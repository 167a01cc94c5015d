// The item that is looked at: question, answer, reasoning, verdicts, where it comes from, and what may be decided.
"use strict";

const TONES = ["bad", "unsure", "plain", "good"]; // what speaks against an item is read first

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
  if (scene && scene.view) gatherItems();
  const [asked, told] = [questionBlock(item, edit), answerBlock(item, edit)];
  // One question asks every video for all keys: what is read is the label.
  const body = item.keyed ? [...told, make("details", "", make("summary", "", "Question"), ...asked)] : [...asked, ...told];
  const parts = [cardHead(item), ...notices(item), ...body];
  const text = textOf(item, edit);
  if (text.reasoning) parts.push(make("h3", "", "Reasoning"), prose(text.reasoning), ...was(item.reasoning || "", text.reasoning));
  if (item.marks) parts.push(make("h3", "", "Verdicts"), make("div", "marks", ...item.marks.toSorted((a, b) => TONES.indexOf(a[2]) - TONES.indexOf(b[2])).map(markLine)));
  parts.push(provenance(item));
  const from = card.scrollTop;
  card.replaceChildren(...parts);
  card.scrollTop = drawCard.last === item ? from : 0;
  drawCard.last = item;
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
  const nodes = item.units && scene ? boxesBlock(item, edit) : [make("h3", "", title), prose(text.answer, "answer"), ...was(item.answer, text.answer)];
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
    const all = { ...extra, decision: editOf(item) || null, of_the_whole: told.provenance };
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
