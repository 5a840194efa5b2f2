// Returns what is wrong with the page as it stands: words that are cut off or run out of their place, controls that cover each
// other, text that hardly stands out from what is behind it, a page that scrolls sideways.
() => {
  const faults = [];
  const sheet = document.querySelector("dialog[open]");
  const top = sheet ?? document.body;
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) faults.push(`scrolls sideways: ${document.documentElement.scrollWidth} > ${width}`);
  if (sheet && sheet.scrollWidth > sheet.clientWidth) faults.push(`the sheet scrolls sideways: ${sheet.scrollWidth}`);
  const named = (node) => `${node.tagName.toLowerCase()}.${node.className || node.id} “${node.textContent.trim().slice(0, 40)}”`;
  const hidden = (node) => {
    const { width, height } = node.getBoundingClientRect();
    return width < 2 || height < 2 || !node.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  };
  const all = (what) => [...top.querySelectorAll(what)].filter((node) => !hidden(node) && !node.closest("#kqa-status"));

  for (const node of all("h1, h2, h3, h4, p, li, blockquote, button, summary, select, .badge, .number, .call, .meta, .chip")) {
    const { left, right } = node.getBoundingClientRect();
    if (left < -0.5 || right > width + 0.5) faults.push(`off the page: ${named(node)} ${left} to ${right}`);
    if (node.clientWidth && node.scrollWidth > node.clientWidth + 1) faults.push(`cut off: ${named(node)} ${node.scrollWidth} > ${node.clientWidth}`);
  }

  const controls = all("button, a, summary, input, select, textarea").filter(
    (node) => !node.closest("sup, .note, .sheet-head, #kqa-suggestions") && node.id !== "ask-button",
  );
  const boxes = controls.map((node) => ({ node, lines: [...node.getClientRects()] }));
  boxes.forEach((one, at) => {
    for (const other of boxes.slice(at + 1)) {
      if (one.node.contains(other.node) || other.node.contains(one.node)) continue;
      const covers = (a, b) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
      if (one.lines.some((a) => other.lines.some((b) => covers(a, b)))) faults.push(`over each other: ${named(one.node)}, ${named(other.node)}`);
    }
  });
  const button = document.querySelector("#ask-button");
  if (button && !hidden(button)) {
    const field = document.querySelector("#question textarea").getBoundingClientRect();
    const room = button.getBoundingClientRect();
    const inside = room.left > field.left && room.right < field.right && room.top >= field.top && room.bottom <= field.bottom;
    if (!inside) faults.push(`Ask is not in the box: ${JSON.stringify([room, field])}`);
  }

  const colour = (text) => {
    const found = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return found.length > 3 ? found : [...found, 1];
  };
  const over = (front, back) => back.map((value, at) => (at === 3 ? 1 : front[at] * front[3] + value * (1 - front[3])));
  const behind = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) {
      const layer = colour(getComputedStyle(one).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((back, layer) => over(layer, back), [255, 255, 255, 1]);
  };
  const light = (parts) => {
    const [r, g, b] = parts.map((value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || hidden(node) || node.closest("script, style, option, noscript, [aria-busy='true'], .kqa-busy #kqa-home, :disabled")) continue;
    const style = getComputedStyle(node);
    const back = behind(node);
    const [one, other] = [light(over(colour(style.color), back)), light(back)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${named(node)}`);
  }
  return faults;
}
