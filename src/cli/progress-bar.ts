// The last line of a terminal, while data is loaded or saved: `loading [=========           ]  45% 450,000 keys, 45.0 MB`.
// Log lines go above it. What is over within a moment is not shown at all.

import type { Progress } from '../commands/save.js'

/** What a terminal's stream has and this needs. */
export interface Terminal {
  readonly columns?: number
  write(text: string): unknown
}

const BAR_COLUMNS = 30
/** Of a terminal that does not say how wide it is. */
const DEFAULT_COLUMNS = 80
const CLEAR_LINE = '\r\x1b[K'

export class ProgressBar {
  readonly #terminal: Terminal
  /** What stands on the last line now. */
  #shown = ''

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  show(progress: Progress): void {
    const isOver = progress.state !== 'running'
    // The first report comes at the very start.
    if (isOver || progress.bytes > 0)
      this.#put(isOver ? '' : lineOf(progress, this.#terminal.columns || DEFAULT_COLUMNS))
  }

  /** A line of the log, with its end. */
  above(line: string, write: (line: string) => void): void {
    const shown = this.#shown
    this.#put('')
    write(line)
    this.#put(shown)
  }

  #put(text: string): void {
    if (text === this.#shown) return
    this.#shown = text
    this.#terminal.write(CLEAR_LINE + text)
  }
}

function lineOf({ of, keys, bytes, percent }: Progress, columns: number): string {
  const share = Math.min(100, Math.max(0, percent))
  const done = '='.repeat(Math.floor((share / 100) * BAR_COLUMNS)).padEnd(BAR_COLUMNS)
  const figures = `${String(Math.floor(share)).padStart(3)}% ${keys.toLocaleString('en')} keys, ${(bytes / 1e6).toFixed(1)} MB`
  // In the last column a terminal may begin a new line.
  return `${of === 'load' ? 'loading' : 'saving'} [${done}] ${figures}`.slice(0, columns - 1)
}
