// Follows page.js in the same function: a passage's link, what such a link opens, and the comparison of a quote.
function linkTo(button) {
  const { path, span } = placeOf(button.closest(".actions").querySelector("[data-document]"));
  const place = addressOf({ path, span });
  return `${location.origin}${location.pathname}${fragment(button.closest(".turn"))}&${place}`;
}

function addressOf({ path, span }) {
  return `doc=${encodeURIComponent(path)}` + (span?.length ? `&start=${span[0]}&end=${span[1]}` : "");
}

// Read the place that an address names, or null; offsets that are none are handed on as no place in the document.
function placeIn(found) {
  const path = found.get("doc");
  if (!path || path.length > 1000) return null;
  const offsets = [found.get("start"), found.get("end")];
  if (offsets.every((offset) => offset === null)) return { path, span: null, linked: true };
  const [start, end] = offsets.map((offset) => (/^\d{1,9}$/.test(offset) ? Number(offset) : NaN));
  return { path, span: start < end ? [start, end, start, end] : [], linked: true };
}

// Open a link's document: from its card, where the answer holds one, which also marks the sentence.
function openLinked(place, article = null) {
  const cards = [...(article?.querySelectorAll(".actions > [data-document]") ?? [])];
  const same = (card) => addressOf(placeOf(card)) === addressOf(place);
  const button = cards.find(same) ?? null;
  const address = `${article ? `${fragment(article)}&` : "#"}${addressOf(place)}`;
  if (!article) history.replaceState({ turn: 0 }, "", location.pathname); // what stands below the sheet when it is closed
  openDocument(button, button ? placeOf(button) : place, address);
  return true;
}

async function verifyQuote(button) {
  const actions = button.closest(".actions");
  if (actions.ariaBusy === "true") return;
  const { text, citation } = JSON.parse(actions.querySelector("[data-exact]").dataset.copy);
  const { document: path, start, end, sha256 } = citation;
  actions.ariaBusy = "true";
  say("Comparing…");
  const reply = await call("verify", { path, start, end, text, sha256 });
  actions.ariaBusy = null;
  const told = reply.error ? made("p", "compared differs", sentence(reply.error)) : parsed(reply.html).firstElementChild;
  actions.querySelector(".compared")?.remove();
  actions.append(told);
  say(told.textContent);
}
