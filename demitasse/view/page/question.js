// A multiple-choice question taken into parts, and put together again in the dialect in which it was written.
"use strict";

const OPTION = /^[ \t]*\(?([A-Z])[.):][ \t]*(?=\S)/;

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
