// The source tree itself: who imports whom, what the core must not know, and what every file looks like.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { codeOf, importsOf } from './source.js'
import { suite } from './suite.js'

const test = suite('tree')

const LONGEST_FILE_LINES = 600

/**
 * Lowest first: a file imports from its own layer and from those before it. A folder is one noun of a layer. A file at
 * the top of src/ that stands nowhere here belongs to the lowest layer, where it may import least.
 */
const layers = [
  ['env', 'link', 'errors', 'bytes', 'codec', 'config'],
  ['protocol'],
  ['keyspace'],
  ['rdb', 'snapshot', 'checksums'],
  ['replication'],
  ['commands'],
  ['engine'],
  ['transports'],
  ['persistence'],
  [
    'address',
    'transaction',
    'verification',
    'remote',
    'sentinels',
    'migration',
    'digest-check',
    'handles',
    'events',
    'face',
    'forwarding',
    'primary-face',
    'store',
    'listener',
  ],
  ['index', 'cli'],
]

/** Narrower than the order: nouns that may import these alone (and themselves). */
const onlyFrom: Record<string, string[]> = {
  transports: ['env', 'link', 'errors'],
}

/** Narrower than the order: nouns that must not import these, not even types. */
const neverFrom: Record<string, string[]> = {
  replication: ['commands', 'keyspace'],
}

/** Types of this file may be imported from below: it says what the engine hands to a command. */
const SHARED_TYPES = 'commands/command.ts'

/** May know the world: clock, timers, randomness, node: modules. */
const worldly = ['env', 'young-space', 'transports', 'persistence', 'cli']

/** What stands for the world, in code without comments and strings. */
const worldlyWords: [what: string, pattern: RegExp][] = [
  ['Date', /(?<![\w$.])Date\.now\b|\bnew\s+Date\b(?!\s*\(\s*[^\s)])|(?<!new\s+)(?<![\w$.])Date\s*\(/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['a timer', /(?<![\w$]|(?<!globalThis)\.)(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
  ['performance', /(?<![\w$.])performance\b/],
  ['crypto', /(?<![\w$.])crypto\b/],
  ['process', /(?<![\w$.])process\s*[.[]/],
]

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** TypeScript files of a folder of the project, paths within it. */
function filesOf(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules') && !path.startsWith('fixtures'))
    .sort()
}

const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')

const src = filesOf('src')
const everything = ['src', 'test', 'examples', 'benchmarks'].flatMap((folder) =>
  filesOf(folder).map((path) => `${folder}/${path}`),
)

/** `keyspace` for keyspace/list.ts, `store` for store.ts. */
function nounOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : basename(path, '.ts')
}

function layerOf(path: string): number {
  const noun = nounOf(path)
  const at = layers.findIndex((nouns) => nouns.includes(noun))
  if (at < 0 && path.includes('/')) throw new Error(`src/${noun}/ stands in no layer: give it a place in this file`)
  return Math.max(at, 0)
}

/** What a file of src/ imports from src/, as paths within it. */
function localImports(path: string, text: string): { to: string; typeOnly: boolean }[] {
  return importsOf(text)
    .filter(({ from }) => from.startsWith('.'))
    .map(({ from, typeOnly }) => ({ to: posix.join(posix.dirname(path), from).replace(/\.js$/, '.ts'), typeOnly }))
}

/** Why `path` may not import `to`. */
function objection(path: string, to: string, typeOnly: boolean): string | undefined {
  const [own, other] = [nounOf(path), nounOf(to)]
  if (own === other) return undefined
  if (onlyFrom[own] && !onlyFrom[own].includes(other)) return `${own} imports only ${onlyFrom[own].join(', ')}`
  if (neverFrom[own]?.includes(other)) return `${own} knows no ${other}`
  if (typeOnly && to === SHARED_TYPES) return undefined
  return layerOf(to) > layerOf(path) ? `${other} stands above ${own}` : undefined
}

/** A way from a file back to itself, if there is one. */
function cycleIn(graph: Map<string, string[]>): string[] | undefined {
  const done = new Set<string>()
  const walk = (path: string, way: string[]): string[] | undefined => {
    const at = way.indexOf(path)
    if (at >= 0) return [...way.slice(at), path]
    if (done.has(path)) return undefined
    for (const next of graph.get(path) ?? []) {
      const cycle = walk(next, [...way, path])
      if (cycle) return cycle
    }
    done.add(path)
    return undefined
  }
  for (const path of graph.keys()) {
    const cycle = walk(path, [])
    if (cycle) return cycle
  }
  return undefined
}

function worldlyIn(path: string, text: string): string[] {
  const code = codeOf(text)
  const words = worldlyWords.filter(([, pattern]) => pattern.test(code)).map(([what]) => what)
  const modules = importsOf(text)
    .filter(({ from }) => from.startsWith('node:') && !(path === 'bytes.ts' && from === 'node:buffer'))
    .map(({ from }) => from)
  return [...words, ...modules]
}

/** Fails with the whole list, so that one run shows all there is to do. */
function none(complaints: string[]): void {
  if (complaints.length > 0) throw new Error(complaints.join('\n    '))
}

test('imports point one way', () => {
  none(
    src.flatMap((path) =>
      localImports(path, read('src', path)).flatMap(({ to, typeOnly }) => {
        const why = objection(path, to, typeOnly)
        return why === undefined ? [] : [`src/${path} imports ${to}: ${why}`]
      }),
    ),
  )
})

test('imports go to files that exist', () => {
  none(
    src.flatMap((path) =>
      localImports(path, read('src', path))
        .filter(({ to }) => !src.includes(to))
        .map(({ to }) => `src/${path} imports ${to}`),
    ),
  )
})

test('no cycles', () => {
  const graph = new Map(
    src.map((path) => {
      const imports = localImports(path, read('src', path)).filter(({ typeOnly }) => !typeOnly)
      return [path, imports.map(({ to }) => to)]
    }),
  )
  assert.is(cycleIn(graph)?.join(' -> '), undefined)
})

test('the core knows no clock, timer, randomness or node: module', () => {
  const core = src.filter((path) => !worldly.includes(nounOf(path)))
  none(core.flatMap((path) => worldlyIn(path, read('src', path)).map((what) => `src/${path}: ${what}`)))
})

test('nothing has the type any', () => {
  none(everything.filter((path) => /(?<![\w$.])any\b(?!\s*[:(])/.test(codeOf(read(path)))))
})

test('no file is named after nothing', () => {
  none(everything.filter((path) => /^(?:utils?|types?|helpers?|managers?|common|misc)$/.test(basename(path, '.ts'))))
})

test('every file opens with a comment', () => {
  none(everything.filter((path) => !/^(?:\/\/|\/\*|#!)/.test(read(path))))
})

test('no file is too long', () => {
  const lines = (path: string): number => read(path).split('\n').length - 1
  const long = everything.filter((path) => lines(path) > LONGEST_FILE_LINES)
  none(long.map((path) => `${path}: ${lines(path)} lines, at most ${LONGEST_FILE_LINES}`))
})

test('src/README.md names every file of src', () => {
  if (!existsSync(join(root, 'src', 'README.md'))) return
  const guide = read('src', 'README.md')
  none(src.filter((path) => !guide.includes(path) && !guide.includes(basename(path))))
})

test('every test file calls .run(), and none holds .only', () => {
  const tests = everything.filter((path) => path.endsWith('.test.ts'))
  none(tests.filter((path) => !/\.run\(\)/.test(codeOf(read(path)))).map((path) => `${path}: no .run()`))
  none(tests.filter((path) => /\.only\s*\(/.test(codeOf(read(path)))).map((path) => `${path}: .only`))
})

// The checks themselves can fail: each is shown something that it must find.

test('the checks of imports find what is wrong', () => {
  assert.is(objection('engine.ts', 'commands/table.ts', false), undefined)
  assert.is(objection('rdb/reader.ts', 'keyspace/list.ts', false), undefined)
  assert.ok(objection('keyspace/list.ts', 'rdb/reader.ts', true))
  assert.ok(objection('protocol/parser.ts', 'engine.ts', false))
  assert.ok(objection('commands/keys.ts', 'engine.ts', true))
  assert.ok(objection('replication/primary.ts', 'keyspace/keyspace.ts', true))
  assert.ok(objection('replication/primary.ts', 'commands/command.ts', true))
  assert.ok(objection('transports/tcp.ts', 'bytes.ts', false))
  assert.is(objection('transports/tcp.ts', 'link.ts', false), undefined)
  assert.is(objection('snapshot.ts', 'commands/command.ts', true), undefined)
  assert.ok(objection('snapshot.ts', 'commands/command.ts', false))
  assert.ok(objection('unheard-of.ts', 'protocol/parser.ts', false))
  assert.throws(() => objection('env.ts', 'unheard-of/a.ts', false), /stands in no layer/)
  assert.equal(
    cycleIn(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
    ['b', 'c', 'b'],
  )
  assert.is(
    cycleIn(
      new Map([
        ['a', ['b', 'c']],
        ['b', ['c']],
        ['c', []],
      ]),
    ),
    undefined,
  )
})

test('imports are found in every form, and not in comments', () => {
  const text = `// import { a } from './no.js'
    import './side.js'
    import type { A } from './a.js'
    import b, { type B } from './b.js'
    import {
      c,
    } from "./c.js"
    export * from './d.js'
    export type { E } from './e.js'
    const f = await import('./f.js')
    const s = "import g from './g.js'"`
  assert.equal(
    importsOf(text).map(({ from, typeOnly }) => `${from}${typeOnly ? ' type' : ''}`),
    ['./side.js', './a.js type', './b.js', './c.js', './d.js', './e.js type', './f.js'],
  )
})

test('the world is found in code, and not in comments, strings or names', () => {
  const bad = [
    'Date.now()',
    'x = new Date()',
    'new Date',
    'Math.random()',
    'setTimeout(f, 1)',
    'globalThis.setImmediate(f)',
  ]
  bad.push('queueMicrotask(f)', 'performance.now()', 'crypto.randomUUID()', 'process.env.X', `\`\${Date.now()}\``)
  for (const text of bad) assert.is(worldlyIn('engine.ts', text).length, 1, text)
  const good = ['env.process.pid', 'new Date(ms)', 'x instanceof Date', 'a.setTimeout', '// Date.now()', "'Date.now()'"]
  good.push(
    '`Date.now()`',
    '/Date.now()/',
    'const processed = 1',
    '/* process.env */',
    'a / b / Math.PI // process.env',
  )
  for (const text of good) assert.equal(worldlyIn('engine.ts', text), [], text)
  assert.equal(worldlyIn('engine.ts', "import { isUtf8 } from 'node:buffer'"), ['node:buffer'])
  assert.equal(worldlyIn('bytes.ts', "import { isUtf8 } from 'node:buffer'"), [])
})

test('comments, strings, templates and regular expressions are told apart', () => {
  const code = (text: string): string => codeOf(text).replace(/\s+/g, ' ').trim()
  assert.is(code("a('it\\'s') // b"), "a(' ')")
  assert.is(code(`f(\`x\${g({ a: \`y\${h}\` })}z\`, i)`), `f(\` \${g({ a: \` \${h}\` })} \`, i)`)
  assert.is(code('a = b / c / d'), 'a = b / c / d')
  assert.is(code('return /a"[/"]/.test(x)'), 'return .test(x)')
  assert.is(code('x = y.replace(/`/g, "`") + z'), 'x = y.replace( , " ") + z')
  // Where it lost its way in a real file, brackets would not match.
  const count = (path: string, what: RegExp): number => codeOf(read(path)).match(what)?.length ?? 0
  none(everything.filter((path) => count(path, /[{([]/g) !== count(path, /[\])}]/g)))
  assert.is(codeOf('a /* b\nc */ d').split('\n').length, 2)
})

test.run()
