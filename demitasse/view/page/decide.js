// Taking decisions and taking them back. Each is shown at once and kept until the disk has it.
"use strict";

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
  settle();
  // What was corrected and is then accepted stays corrected.
  if (decision !== "accept" || decisionOf(item) !== "edit") decide(item, decision, {}, noted()).catch((error) => toast(error.message, true));
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
  settle();
  const last = state.undo.pop();
  if (!last || !last.length) { toast("There is nothing to undo."); return; }
  for (const { item, before } of last) {
    const { decision, changes } = before || { decision: "open" };
    decide(item, decision, changes || {}).catch((error) => toast(error.message, true));
  }
  const row = state.rows.findIndex((one) => one.item === last[0].item);
  if (row >= 0) select(row);
}
