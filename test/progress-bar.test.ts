// The bar on the last line of a terminal, and log lines above it.

import * as assert from 'uvu/assert'
import { ProgressBar } from '../src/cli/progress-bar.js'
import { suite } from './suite.js'

const test = suite('progress bar')

/** What a terminal shows: `\r` goes to the start of the line, `ESC [ K` clears from there. */
class Screen {
  lines = ['']
  columns = 80

  write(text: string): void {
    for (const part of text.split(/(\r\x1b\[K|\n)/)) {
      if (part === '\r\x1b[K') this.lines[this.lines.length - 1] = ''
      else if (part === '\n') this.lines.push('')
      else this.lines[this.lines.length - 1] += part
    }
  }
}

const half = { of: 'load', state: 'running', keys: 450_000, bytes: 45_000_000, percent: 50 } as const

test('shows how far it is, stays below the log, and goes when it is over', () => {
  const screen = new Screen()
  const bar = new ProgressBar(screen)
  const log = (line: string): void => bar.above(line, (text) => screen.write(text))
  log('started\n')
  bar.show({ ...half, bytes: 0, keys: 0, percent: 0 })
  assert.equal(screen.lines, ['started', ''], 'what is over at once is not shown')
  bar.show(half)
  const line = `loading [${'='.repeat(15)}${' '.repeat(15)}]  50% 450,000 keys, 45.0 MB`
  assert.equal(screen.lines, ['started', line])
  log('a client came\n')
  assert.equal(screen.lines, ['started', 'a client came', line])
  bar.show({ ...half, of: 'save', percent: 100 })
  assert.match(screen.lines[2], /^saving \[={30}\] 100% /)
  bar.show({ ...half, state: 'done', percent: 100 })
  log('ready\n')
  assert.equal(screen.lines, ['started', 'a client came', 'ready', ''])
})

test('is never wider than the terminal', () => {
  const screen = new Screen()
  screen.columns = 20
  new ProgressBar(screen).show(half)
  assert.is(screen.lines[0].length, 19)
})

test.run()
