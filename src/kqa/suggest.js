// Follows page.js in the same function: questions of the documents that complete what is being typed. They came with the page;
// nothing of what is typed leaves it before Ask. The box keeps its own role: HTML allows a textarea no other.
const MOST_SHOWN = 6;
const LONGEST_TYPED = 120; // characters; who writes more does not look for a shorter question
const PAUSE = 500; // milliseconds of rest before a screen reader is told how many there are
const list = $("kqa-suggestions");
const offered = JSON.parse(list.dataset.questions).map((question) => ({ question, plain: plainly(question), words: wordsOf(question) }));
let active = -1; // which suggestion the arrow keys have reached; -1 is the box itself
let announcing = 0;
let announced = "";

function wordsOf(text) {
  return plainly(text).match(/[\p{L}\p{N}]+/gu) ?? [];
}

function suggestions(typed) {
  const plain = plainly(typed).trim();
  const begun = wordsOf(typed);
  if (plain.length < 2 || typed.length > LONGEST_TYPED || !begun.length) return [];
  const fits = ({ words }) => begun.every((start) => words.some((word) => word.startsWith(start)));
  const found = offered.filter((one) => one.plain !== plain && fits(one));
  const first = (one) => (one.plain.startsWith(plain) ? 0 : 1);
  return found.sort((a, b) => first(a) - first(b)).slice(0, MOST_SHOWN).map((one) => one.question);
}

function suggest(field) {
  equip(field);
  const helping = document.querySelector("#kqa-turn .at-once, #kqa-problem .at-once"); // never over help lines
  const found = helping ? [] : suggestions(field.value);
  if (!found.length) return closeList();
  list.replaceChildren(...found.map(option));
  list.hidden = false;
  reach(field, -1);
  clearTimeout(announcing);
  announcing = setTimeout(announce, PAUSE, found.length);
}

function option(question, number) {
  const item = made("li", "", question);
  item.id = `kqa-suggestion-${number}`;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  return item;
}

function announce(count) {
  if (document.body.classList.contains("kqa-busy")) return; // “Searching…” is more important
  announced = `${count} ${count === 1 ? "suggestion" : "suggestions"}, down arrow to choose`;
  say(announced);
}

function equip(field) {
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-haspopup", "listbox");
  field.setAttribute("aria-controls", list.id);
}

function reach(field, number) {
  list.children[active]?.setAttribute("aria-selected", "false");
  active = number;
  const item = list.children[number];
  item?.setAttribute("aria-selected", "true");
  item?.scrollIntoView({ block: "nearest" });
  if (item) field.setAttribute("aria-activedescendant", item.id);
  else field.removeAttribute("aria-activedescendant");
}

function closeList() {
  clearTimeout(announcing);
  if (announced && $("kqa-status").textContent === announced) say("");
  announced = "";
  list.hidden = true;
  list.replaceChildren();
  active = -1;
  box()?.removeAttribute("aria-activedescendant");
}

// Before Gradio sees them: Enter asks what is chosen, or else, as ever, what stands in the box.
function choose(event) {
  const field = event.target;
  if (field !== box() || event.isComposing) return;
  if (list.hidden) {
    const atEnd = field.selectionStart === field.value.length; // elsewhere the arrow moves through the lines
    if (event.key === "ArrowDown" && atEnd) suggest(field);
    if (list.hidden) return;
  }
  const count = list.children.length;
  if (event.key === "ArrowDown") reach(field, active + 1 === count ? -1 : active + 1);
  else if (event.key === "ArrowUp") reach(field, active === -1 ? count - 1 : active - 1);
  else if (event.key === "Escape") closeList();
  else if (event.key === "Enter" && active >= 0) ask(list.children[active].textContent);
  else if (event.key === "Enter") return closeList();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("keydown", choose, true);
document.addEventListener("input", (event) => {
  if (event.target !== box()) return;
  if (event.isTrusted) suggest(event.target);
  else closeList(); // the page itself wrote there
});
document.addEventListener("focusin", (event) => event.target === box() && equip(event.target));
document.addEventListener("focusout", (event) => event.target === box() && closeList());
document.addEventListener("pointerdown", (event) => event.target !== box() && !list.contains(event.target) && closeList());
list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
list.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) ask(item.textContent);
});
element.addEventListener("busy", closeList);
