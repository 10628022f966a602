// Configuration as text: a redis.conf with what it includes, and a command line.

import { textOfLatin1 } from '../../../src/bytes.js'
import { Config, parseConfigText, parseFlags } from '../../../src/config/config.js'
import { settings } from '../../../src/config/directives.js'
import { quote, splitWords } from '../../../src/config/words.js'
import { StoreError } from '../../../src/errors.js'
import type { Chance } from '../mutation.js'
import { numbers } from '../mutation.js'
import { expect, type Target } from '../target.js'

/** In an input: what follows is another file, `1`, `2` and so on, for `include`. */
const NEXT_FILE = '\n~~\n'

const names = Object.keys(settings)
const VALUES = ['yes', 'no', '""', '1gb', '5%', '0755', 'no one', 'always', 'normal 0 0 0', 'AKE', '127.0.0.1', "'a b'"]

function load(read: () => ReturnType<typeof parseConfigText>): Config | undefined {
  const config = new Config()
  try {
    config.load(read())
    return config
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'CONFIG')) throw error
    return undefined
  }
}

/** What CONFIG REWRITE makes of it says the same, and is not changed again. */
function expectRewritten(config: Config, original: string): void {
  const text = config.rewrite(original)
  // A rewritten file includes others as it did. Words of lists go without quotes, as in Redis: not all come back.
  if (/^\s*["']?include/im.test(text) || /^\s*["']?(?:bind|replicaof|slaveof)\b.*["']/im.test(original)) return
  const again = load(() => parseConfigText(text, 'rewritten'))
  expect(again !== undefined, 'a rewritten file is refused')
  for (const name of names)
    expect(again.text(name as never) === config.text(name as never), `${name}: another value after it was rewritten`)
  // The newline at the end of a file is read as an empty line, as by Redis: one more.
  expect(again.rewrite(text).trimEnd() === text.trimEnd(), 'rewritten again, it is another text')
}

function someLine(chance: Chance): string {
  const value = chance.bool() ? chance.of(VALUES) : chance.of(numbers)
  const name = chance.below(8) === 0 ? `include ${chance.below(3)}` : chance.of(names)
  return `${name} ${value}${chance.below(4) === 0 ? ` ${chance.of(VALUES)}` : ''}`
}

const words = [
  ...names.map((name) => `${name} `),
  ...VALUES,
  ...numbers,
  'include 1\n',
  'include 2\n',
  NEXT_FILE,
  '#',
  '\\x',
]

export const conf: Target = {
  name: 'conf',
  about: 'config/: a configuration or StoreError CONFIG; what is rewritten is read again as the same',
  words,
  limitBytes: (bytes) => 64 * 1024 * 1024 + 2000 * bytes,
  seeds: () =>
    [
      'port 7000\nsave 60 1\nsave 30 2\nmaxmemory 1gb\n# a comment\nbind 127.0.0.1 ::1\nrequirepass "a b"\n',
      'include 1\ninclude 2\n~~\nport 1\ninclude 2\n~~\nappendonly no\n',
      "client-output-buffer-limit replica 1gb 1mb 60\nnotify-keyspace-events 'KEA'\nreplicaof 127.0.0.1 6379\n",
      "proc-title-template '{title} {port}'\nlatency-tracking-info-percentiles 50 99.9\nunixsocketperm 700\n",
    ].map((text) => Buffer.from(text)),
  make: (chance) => Buffer.from(Array.from({ length: chance.few(30) }, () => someLine(chance)).join('\n'), 'latin1'),
  run(input) {
    const files = textOfLatin1(input.toString('latin1')).split(NEXT_FILE)
    const [text] = files
    const config = load(() => parseConfigText(text, 'redis.conf', (path) => files[Number(path)] ?? ''))
    if (config !== undefined) expectRewritten(config, text)
    for (const line of text.split('\n', 20)) {
      expect(splitWords(quote(line))?.join() === line, 'a word in quotes is another word')
    }
  },
}

export const flags: Target = {
  name: 'flags',
  about: 'config/conf-file.ts: a command line, its words parted by zero bytes',
  words: ['\0', '--', '-', '\0--', ...words],
  maxInputBytes: 4096,
  seeds: () =>
    ['--port\x007000\0--save\x0060 1\0--appendonly\0no', 'a.conf\0-\0--loglevel\0debug', '--save\0--port\x001'].map(
      (text) => Buffer.from(text),
    ),
  run(input) {
    const argv = textOfLatin1(input.toString('latin1')).split('\0')
    load(() => parseFlags(argv).directives)
  },
}
