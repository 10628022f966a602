// The smallest schedule that still fails in the same way: parts of the steps are left out, larger ones first, for as long as
// the run without them breaks the same invariant.

import type { Schedule, Step } from './schedule.js'
import { type Outcome, simulate } from './simulate.js'

export interface Shrunken {
  readonly schedule: Schedule
  readonly runs: number
}

export async function shrink(outcome: Outcome, mostRuns: number): Promise<Shrunken> {
  const { failure, schedule } = outcome
  if (failure === null) throw new Error('there is nothing to shrink: the run did not fail')
  let runs = 0
  let best = schedule
  const fails = async (candidate: Schedule): Promise<boolean> => {
    runs++
    return (await simulate(candidate)).failure?.invariant === failure.invariant
  }
  const tryTo = async (candidate: Schedule): Promise<boolean> => {
    if (runs >= mostRuns || !(await fails(candidate))) return false
    best = candidate
    return true
  }
  // What was to come after the failure did nothing for it.
  const until = outcome.schedule.steps.slice(0, outcome.steps + 1)
  await tryTo({ ...best, steps: until, healAtMs: Math.min(best.healAtMs, (until.at(-1)?.atMs ?? 0) + 1) })
  for (let size = best.steps.length >> 1; size >= 1; ) {
    const before = best.steps.length
    for (let at = 0; at < best.steps.length && runs < mostRuns; ) {
      const steps: Step[] = [...best.steps.slice(0, at), ...best.steps.slice(at + size)]
      if (!(await tryTo({ ...best, steps }))) at += size
    }
    if (runs >= mostRuns) break
    size = size > 1 ? size >> 1 : best.steps.length < before ? 1 : 0
  }
  // Nodes that nothing names any more, and a network that does nothing odd.
  for (const { name } of [...best.nodes].reverse()) {
    const isNamed = best.steps.some(({ args }) => args.some((arg) => arg.split(',').includes(name)))
    if (!isNamed && best.nodes.length > 1)
      await tryTo({ ...best, nodes: best.nodes.filter((one) => one.name !== name) })
  }
  await tryTo({ ...best, network: { ...best.network, split: false } })
  await tryTo({ ...best, network: { ...best.network, highWaterBytes: 1_048_576 } })
  await tryTo({ ...best, network: { ...best.network, lookMs: 0 } })
  return { schedule: best, runs }
}
