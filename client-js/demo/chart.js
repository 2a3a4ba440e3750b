const POINTS = 40;
const WIDTH = 240;
const HEIGHT = 48;
const LEAST = 5; // milliseconds that fill the height, at least

/**
 * A line of the newest measurements.
 *
 * @param {Element} line
 * @param {Element} area
 */
export function newChart(line, area) {
  /** @type {number[]} */
  const values = [];
  return {
    /** @param {number} ms */
    add(ms) {
      values.push(ms);
      if (values.length > POINTS) values.shift();
      // One slow answer among many must not press all others flat.
      const usual = values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.85)];
      const most = Math.max(LEAST, usual * 1.6);
      const left = POINTS - values.length;
      const points = values.map((value, i) => {
        const x = ((left + i) / (POINTS - 1)) * WIDTH;
        const y = HEIGHT - (Math.min(value, most) / most) * (HEIGHT - 4) - 2;
        return `${x.toFixed(1)},${y.toFixed(1)}`;
      });
      const first = ((left / (POINTS - 1)) * WIDTH).toFixed(1);
      line.setAttribute("d", "M" + points.join("L"));
      area.setAttribute("d", `M${first},${HEIGHT}L${points.join("L")}L${WIDTH},${HEIGHT}Z`);
    },
  };
}
