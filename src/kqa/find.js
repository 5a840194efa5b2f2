// Follows page.js in the same function: finding words in the document that is open. Marks are put around them and taken away
// again; the words themselves stay as they are.
const MOST_FOUND = 999;
const FEWEST_LETTERS = 2;
let places = []; // for each place found, the marks around it: more than one where it runs through other marks
let at = -1;

// List the letters of a paragraph as they are compared, each with where it stands; runs of space count as one.
function lettersOf(block) {
  const words = (node) => (node.parentElement.closest("sup") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT, words);
  const letters = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    let end = 0;
    for (const character of node.data) {
      const start = end;
      end += character.length;
      const before = letters.at(-1);
      const plain = plainly(character);
      const joins = plain === "" || (plain === " " && before?.plain === " "); // an accent of its own, or more space
      if (!joins) letters.push(...plain.split("").map((letter) => ({ plain: letter, node, start, end })));
      else if (before?.node === node) before.end = end;
    }
  }
  return letters;
}

// Return the pieces of text, one for each node, that hold a stretch of letters.
function piecesOf(letters) {
  const pieces = [];
  for (const { node, start, end } of letters) {
    const before = pieces.at(-1);
    if (before?.node === node) before.end = end;
    else pieces.push({ node, start, end });
  }
  return pieces;
}

function marked({ node, start, end }) {
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, end);
  const mark = made("mark", "found", "");
  range.surroundContents(mark);
  return mark;
}

// Mark every place of a paragraph, the last one first: what stands before a mark keeps its offsets.
function markAll(block, wanted, most) {
  const letters = lettersOf(block);
  const text = letters.map(({ plain }) => plain).join("");
  const starts = [];
  for (let start = text.indexOf(wanted); start >= 0 && starts.length < most; start = text.indexOf(wanted, start + wanted.length)) {
    starts.push(start);
  }
  const stretches = starts.map((start) => piecesOf(letters.slice(start, start + wanted.length)));
  return stretches.reverse().map((pieces) => pieces.reverse().map(marked).reverse()).reverse();
}

function unmark() {
  for (const mark of places.flat()) {
    const parent = mark.parentNode;
    mark.replaceWith(...mark.childNodes);
    parent.normalize();
  }
  places = [];
  at = -1;
}

function find(field) {
  unmark();
  const wanted = plainly(field.value).trim();
  const blocks = wanted.length < FEWEST_LETTERS ? [] : $("kqa-sheet").querySelectorAll(".sheet-body > .words, .references li");
  for (const block of blocks) places.push(...markAll(block, wanted, MOST_FOUND - places.length));
  for (const button of $("kqa-sheet").querySelectorAll("[data-find]")) button.disabled = places.length === 0;
  if (places.length) go(1);
  else $("sheet-count").textContent = wanted.length < FEWEST_LETTERS ? "" : "Not found";
}

function go(step) {
  if (!places.length) return;
  places[at]?.forEach((mark) => mark.classList.remove("here"));
  at = (at + step + places.length) % places.length;
  places[at].forEach((mark) => mark.classList.add("here"));
  places[at][0].scrollIntoView({ block: "center" });
  $("sheet-count").textContent = `${at + 1} of ${places.length}${places.length === MOST_FOUND ? " or more" : ""}`;
}

element.addEventListener("input", (event) => event.target.id === "sheet-find" && find(event.target));
element.addEventListener("keydown", (event) => {
  const field = event.target;
  if (field.id !== "sheet-find" || event.isComposing) return;
  if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
  else if (event.key === "Escape" && field.value) {
    event.preventDefault(); // empties the field; only an empty one closes the sheet
    field.value = "";
    find(field);
  }
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-find]");
  if (button) go(Number(button.dataset.find));
});
$("kqa-sheet").addEventListener("close", () => {
  places = [];
  at = -1;
});
