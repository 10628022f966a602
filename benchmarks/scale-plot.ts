// Lines over a number of keys, as SVG: the keys on a logarithmic axis, what they cost on a linear one that starts at 0.

export interface Line {
  readonly name: string
  readonly isDashed: boolean
  readonly points: readonly (readonly [keys: number, cost: number])[]
}

export interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
}

const WIDTH = 460
const HEIGHT = 300
const LEGEND = 190
const MARGIN = { left: 50, top: 50, bottom: 40 }
const COLOURS = ['#0b6fa4', '#c2410c', '#3f7d20', '#7c3aed', '#a1740b', '#be185d']

export function plot(title: string, panels: readonly Panel[]): string {
  const width = panels.length * (WIDTH + LEGEND)
  const height = HEIGHT + MARGIN.top + MARGIN.bottom
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${MARGIN.left}" y="18" font-size="14">${escaped(title)}</text>`,
    ...panels.flatMap((panel, i) => [`<g transform="translate(${i * (WIDTH + LEGEND)} 0)">`, ...draw(panel), '</g>']),
    '</svg>',
    '',
  ].join('\n')
}

function draw({ title, lines }: Panel): string[] {
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return []
  const decades = points.map(([keys]) => Math.log10(keys))
  const [first, last] = [Math.min(...decades), Math.max(...decades)]
  const step = niceStep(Math.max(...points.map(([, cost]) => cost)))
  const top = step * Math.ceil(Math.max(...points.map(([, cost]) => cost)) / step)
  const x = (keys: number): number =>
    MARGIN.left + ((Math.log10(keys) - first) / (last - first || 1)) * (WIDTH - MARGIN.left - 20)
  const y = (cost: number): number => Math.round(MARGIN.top + HEIGHT * (1 - cost / top))
  const drawn = [`<text x="${MARGIN.left}" y="40" font-weight="bold">${escaped(title)}</text>`]
  for (let cost = 0; cost <= top + step / 2; cost += step) {
    drawn.push(
      `<line x1="${MARGIN.left}" x2="${WIDTH - 20}" y1="${y(cost)}" y2="${y(cost)}" stroke="#ddd"/>`,
      `<text x="${MARGIN.left - 6}" y="${y(cost) + 4}" text-anchor="end">${Number(cost.toPrecision(6))}</text>`,
    )
  }
  for (const keys of new Set(points.map(([count]) => count)))
    drawn.push(`<text x="${x(keys)}" y="${MARGIN.top + HEIGHT + 16}" text-anchor="middle">${shortOf(keys)}</text>`)
  drawn.push(`<text x="${WIDTH / 2}" y="${MARGIN.top + HEIGHT + 32}" text-anchor="middle">keys</text>`)
  // A line of ours and the other's are of one colour.
  let colour = -1
  for (const [i, line] of lines.entries()) {
    if (!line.isDashed) colour++
    const stroke = `stroke="${COLOURS[colour % COLOURS.length]}" stroke-width="2"${line.isDashed ? ' stroke-dasharray="5 4"' : ''}`
    const path = line.points.map(([keys, cost]) => `${x(keys).toFixed(1)},${y(cost).toFixed(1)}`).join(' ')
    const at = MARGIN.top + 8 + i * 18
    drawn.push(
      `<polyline points="${path}" fill="none" ${stroke}/>`,
      `<line x1="${WIDTH}" x2="${WIDTH + 24}" y1="${at}" y2="${at}" ${stroke}/>`,
      `<text x="${WIDTH + 30}" y="${at + 4}">${escaped(line.name)}</text>`,
    )
  }
  return drawn
}

/** 1, 2 or 5 of some power of ten, so that there are four to ten of them. */
function niceStep(top: number): number {
  const power = 10 ** Math.floor(Math.log10(top / 4))
  return [5, 2, 1].map((n) => n * power).find((step) => top / step >= 4) ?? power
}

function shortOf(keys: number): string {
  if (keys >= 1e6) return `${keys / 1e6}M`
  return keys >= 1000 ? `${keys / 1000}k` : String(keys)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
