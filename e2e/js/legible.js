// An expression whose value lists what of a page people may not be able to
// read or to press: texts with less contrast than 4.5 to 1, controls without a
// name or smaller than 24 pixels, and whatever is wider than the window.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  /** Any CSS colour as [red, green, blue, alpha], each up to 255. */
  function rgba(color) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }

  const over = ([r, g, b, a], below) => [r, g, b].map((part, i) => (part * a + below[i] * (255 - a)) / 255);

  /** The colour behind an element's text, of all that it stands on. */
  function ground(element) {
    const below = element.parentElement ? ground(element.parentElement) : [255, 255, 255];
    return over(rgba(getComputedStyle(element).backgroundColor), below);
  }

  function luminance(color) {
    const [r, g, b] = color.map((part) => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(element) {
    const behind = ground(element);
    const [dark, light] = [luminance(behind), luminance(over(rgba(getComputedStyle(element).color), behind))].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function seen(element) {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  }

  const told = (element) => `${element.tagName.toLowerCase()}#${element.id}.${element.className} "${element.textContent.slice(0, 30)}"`;
  const all = [...document.body.querySelectorAll("*")].filter(seen);
  const faults = [];
  for (const element of all) {
    const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (says && contrast(element) < 4.5) faults.push(`${told(element)}: contrast ${contrast(element).toFixed(2)}`);
    if (!element.matches("a, button, input, textarea, summary")) continue;
    const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
    if (!name.trim()) faults.push(`${told(element)}: no name`);
    // A label is pressed for its control.
    const { width, height } = (element.labels?.[0]?.contains(element) ? element.labels[0] : element).getBoundingClientRect();
    if (width < 24 || height < 24) faults.push(`${told(element)}: ${width} x ${height} pixels`);
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  return faults;
})();
