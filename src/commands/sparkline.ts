// Graphs out of characters, filled, with a label upright below each column: what LATENCY GRAPH draws.

export interface Labelled {
  value: number
  label: string
}

/** From the lowest to the highest within one row. */
const LEVELS = '_o#'
const FULL = '|'

/** Lines of `columns` points each; each band of them is `rows` high. */
export function sparkline(points: readonly Labelled[], size: { columns: number; rows: number }): string {
  const values = points.map(({ value }) => value)
  const low = Math.min(...values)
  const span = Math.max(...values) - low || 1
  const steps = LEVELS.length * size.rows
  const heights = values.map((value) => Math.min(steps - 1, Math.floor(((value - low) * steps) / span)))
  const bands: string[] = []
  for (let at = 0; at < points.length; at += size.columns) {
    const labels = points.slice(at, at + size.columns).map(({ label }) => label)
    bands.push(band(heights.slice(at, at + size.columns), labels, size.rows))
  }
  return bands.join('\n')
}

function band(heights: readonly number[], labels: readonly string[], rows: number): string {
  let lines = ''
  for (let row = rows - 1; row >= 0; row--) {
    const base = row * LEVELS.length
    const characters = heights.map((height) => (height < base ? ' ' : (LEVELS[height - base] ?? FULL)))
    lines += `${characters.join('')}\n`
  }
  lines += `${' '.repeat(labels.length)}\n`
  const longest = Math.max(...labels.map(({ length }) => length))
  for (let i = 0; i < longest; i++) lines += `${labels.map((label) => label[i] ?? ' ').join('')}\n`
  return lines
}
