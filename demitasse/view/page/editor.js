// The form in which an item is corrected.
"use strict";

function openEditor(field) {
  const item = current();
  if (!item || !state.data.decidable) return;
  settle();
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
  const phrase = item.task === "expression"; // its boxes are changed on the picture
  const form = make("div", "form", ...labelled("1", phrase ? "Phrase" : "Question", stem));
  if (parts.options.length) {
    form.append(make("label", "", make("kbd", "", "2"), " Options, and the right one"));
    parts.options.forEach((option, number) => form.append(make("div", "choice", radios[number], make("span", "faint", option.letter), options[number])));
  }
  if (!phrase) form.append(...labelled("3", "Answer", answer), ...labelled("4", "Reasoning", reasoning));
  form.append(fault);
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
  const target = phrase ? stem : [stem, options[0] || answer, answer, reasoning][field];
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
