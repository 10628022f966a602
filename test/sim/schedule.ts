// What a run does, as data: which nodes there are, and what happens at which moment. It is made from the seed before anything
// runs, so that steps can be taken out and the rest run again; and it has a form as text, which a test can keep.

export interface Step {
  /** Virtual milliseconds since the start. */
  readonly atMs: number
  /** The name of an act, see acts.ts. */
  readonly act: string
  /** Bytes are written in latin1 form. */
  readonly args: readonly string[]
}

export interface NodePlan {
  readonly name: string
  /** Somebody listens to the events of its store, which takes another way through the engine. */
  readonly observed: boolean
  /** Most keys; 0: no limit. */
  readonly max: number
  /** It has a folder, on a disk that outlives it. */
  readonly files: boolean
  readonly config: Readonly<Record<string, string>>
}

export interface Schedule {
  readonly seed: number
  readonly network: { readonly split: boolean; readonly highWaterBytes: number; readonly lookMs: number }
  readonly nodes: readonly NodePlan[]
  readonly steps: readonly Step[]
  /** When the last step is over and the network is made whole. */
  readonly healAtMs: number
}

/** One line each for the head, the nodes and the steps. */
export function formatSchedule(schedule: Schedule): string {
  const { seed, network, nodes, steps, healAtMs } = schedule
  const lines = [
    `run seed=${seed} heal=${healAtMs} split=${network.split} high-water=${network.highWaterBytes} look=${network.lookMs}`,
    ...nodes.map(({ name, observed, max, files, config }) => {
      const settings = Object.entries(config).map(([key, value]) => `${key}=${value}`)
      return ['node', name, `observed=${observed}`, `max=${max}`, ...(files ? ['files=true'] : []), ...settings]
        .map(quoted)
        .join(' ')
    }),
    ...steps.map(formatStep),
  ]
  return lines.join('\n')
}

export function formatStep({ atMs, act, args }: Step): string {
  return [`${atMs}`, act, ...args.map(quoted)].join(' ')
}

/** Throws Error for what `formatSchedule` would not write. */
export function parseSchedule(text: string): Schedule {
  const [head, ...lines] = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(words)
  if (head?.[0] !== 'run') throw new Error('a schedule begins with "run"')
  const options = pairsOf(head.slice(1))
  const nodes: NodePlan[] = []
  const steps: Step[] = []
  for (const [first, second, ...rest] of lines) {
    if (first === 'node') {
      const { observed, max, files, ...config } = pairsOf(rest)
      nodes.push({ name: second, observed: observed === 'true', max: Number(max), files: files === 'true', config })
    } else steps.push({ atMs: Number(first), act: second, args: rest })
  }
  return {
    seed: Number(options.seed),
    network: {
      split: options.split === 'true',
      highWaterBytes: Number(options['high-water']),
      lookMs: Number(options.look),
    },
    nodes,
    steps,
    healAtMs: Number(options.heal),
  }
}

function quoted(word: string): string {
  return /^[!#-~]+$/.test(word) ? word : JSON.stringify(word)
}

function words(line: string): string[] {
  return (line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? (JSON.parse(word) as string) : word,
  )
}

function pairsOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(given.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
}
