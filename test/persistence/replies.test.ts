// SAVE, BGSAVE, SHUTDOWN and what is refused when a save fails: the same requests to the program and to redis-server.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { RawClient } from '../client.js'
import { skip } from '../commands/both.js'
import { freePort, startServer } from '../peers.js'
import { suite, until } from '../suite.js'

const test = suite('replies about files')

const PROGRAM = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** Lines are requests; `!break` and `!mend` make saves fail and go well, `!idle` waits for the end of one, `!saved` until all is saved. */
const SCRIPT = `
  BGSAVE SCHEDULE
  !idle
  SET a 1
  SAVE
  LASTSAVE
  !break
  BGSAVE
  !idle
  SET a 1
  PING
  GET a
  SAVE
  MULTI
  SET a 1
  EXEC
  MULTI
  GET a
  EXEC
  CONFIG SET save ""
  SET a 1
  CONFIG SET save 3600\\ 1
  SET a 1
  CONFIG SET stop-writes-on-bgsave-error no
  SET a 1
  CONFIG SET stop-writes-on-bgsave-error yes
  DEL a
  INFO persistence
  !mend
  SAVE
  SET a 2
  SAVE x
  BGSAVE x
  BGSAVE SCHEDULE x
  MULTI
  SET b 1
  BGSAVE
  SET c 2
  EXEC
  !saved
  MULTI
  SAVE
  EXEC
  INFO persistence
  SHUTDOWN ABORT
  SHUTDOWN SAVE NOSAVE
  SHUTDOWN ABORT NOW
  SHUTDOWN nonsense
  !break
  SHUTDOWN
  PING
  SHUTDOWN SAVE
  SHUTDOWN NOSAVE`

/** What differs for good: times, and what the one needs a fork for. */
const INFO_FIELDS =
  /^(loading|rdb_changes_since_last_save|rdb_bgsave_in_progress|rdb_last_bgsave_status|rdb_saves|rdb_last_load_keys_loaded)$/

async function play(port: number, folder: string): Promise<string[]> {
  const client = await RawClient.connect({ port })
  const said: string[] = []
  const file = join(folder, 'dump.rdb')
  const info = async (): Promise<string> => (await client.callRaw('INFO', 'persistence')).toString()
  for (const line of SCRIPT.trim()
    .split('\n')
    .map((one) => one.trim())) {
    if (line === '!break') {
      rmSync(file, { force: true })
      mkdirSync(file)
    } else if (line === '!mend') rmdirSync(file)
    else if (line === '!saved') {
      await until(async () => (await info()).includes('rdb_changes_since_last_save:0'), { what: 'all is saved' })
    } else if (line === '!idle') {
      await until(async () => (await info()).includes('rdb_bgsave_in_progress:0'), { what: 'the save is through' })
    } else {
      const argv = line.split(/(?<!\\) /).map((word) => word.replace('\\ ', ' ').replace('""', ''))
      if (line === 'SHUTDOWN NOSAVE') {
        client.send(`${line}\r\n`)
        await client.closed
        said.push(`${line}: closed`)
        continue
      }
      let reply = (await client.callRaw(...argv)).toString('latin1')
      if (argv[0] === 'LASTSAVE') reply = reply.replace(/\d+/, 'N')
      if (argv[0] === 'INFO') {
        const fields = reply.split('\r\n').filter((field) => INFO_FIELDS.test(field.split(':')[0]))
        reply = fields.join('\n')
      }
      said.push(`${line}: ${reply}`)
    }
  }
  return said
}

let dir: string
let program: ChildProcess | undefined
test.before.each(() => {
  dir = mkdtempSync(join(tmpdir(), 'hotspare-replies-'))
})
test.after.each(() => {
  program?.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

test('saves, failing saves, MISCONF and SHUTDOWN are answered as redis-server answers them', { skip }, async () => {
  for (const name of ['ours', 'real']) mkdirSync(join(dir, name))
  const port = await freePort()
  const args = ['--port', String(port), '--dir', join(dir, 'ours'), '--save', '3600 1']
  program = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), PROGRAM, ...args], { stdio: 'pipe' })
  let output = ''
  program.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await until(() => output.includes('Ready to accept'), { what: 'the program is ready' })
  const real = await startServer({
    family: 'redis',
    version: '7.0.15',
    args: ['--dir', join(dir, 'real'), '--save', '3600 1'],
  })
  const expected = await play(real.port, join(dir, 'real'))
  const ours = await play(port, join(dir, 'ours'))
  for (const [i, line] of expected.entries()) assert.is(ours[i], line)
  assert.is(ours.length, expected.length)
  assert.match(output, /Error trying to save the DB, can't exit\./)
})

test.run()
