// Owns finding circles in a graph of names. It must not know what the names stand for.
// Invariant: each strongly connected group gives one circle, the same one whatever order the graph was read in.

/**
 * One circle per group of nodes that reach each other, as [a, b, …, a], starting at the group's first name in the alphabet.
 * @param {ReadonlyMap<string, ReadonlySet<string>>} edges
 * @returns {string[][]}
 */
export function findCycles(edges) {
  const circles = [];
  const settled = new Set();
  for (const start of [...edges.keys()].sort()) {
    if (settled.has(start)) continue;
    const circle = shortestCircle(start, edges);
    if (circle === null) continue;
    circles.push(circle);
    for (const name of groupOf(start, edges)) settled.add(name);
  }
  return circles;
}

/** Breadth first, so that the message shows the shortest way round. @param {string} start @param {ReadonlyMap<string, ReadonlySet<string>>} edges */
function shortestCircle(start, edges) {
  /** @type {Map<string, string>} */
  const cameFrom = new Map();
  const queue = [start];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const next of [...(edges.get(at) ?? [])].sort()) {
      if (next === start) {
        const way = [start];
        for (let step = at; step !== start; step = /** @type {string} */ (cameFrom.get(step))) way.unshift(step);
        return [start, ...way];
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      queue.push(next);
    }
  }
  return null;
}

/** @param {string} start @param {ReadonlyMap<string, ReadonlySet<string>>} edges */
function groupOf(start, edges) {
  const forward = reachable(start, edges);
  return [...forward].filter((name) => name === start || reachable(name, edges).has(start));
}

/** @param {string} start @param {ReadonlyMap<string, ReadonlySet<string>>} edges */
function reachable(start, edges) {
  const seen = new Set([start]);
  const queue = [start];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const next of edges.get(at) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return seen;
}
