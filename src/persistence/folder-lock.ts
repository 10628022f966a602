// One store per folder: a second one, of this process or of another, is refused, for the two would write one another's files
// away.
//
// What tells that the other is alive has to end with its process, however that ends, and must not be taken for that of a
// later process. Node has no flock. A process id in a file is given out again, and means nothing in another container; an
// abstract socket ends at the network namespace of a container. A Unix socket in the folder itself is seen by all who see
// the folder, and the kernel ends it with its process: from then on connecting to it is refused, and that for ever, since
// no two are named alike. So whoever finds a dead one may take it away, and races with nobody.
//
//   1. Each listens, under a name that nobody looks at, and then gives its socket its real name: what can be seen listens.
//   2. Then it looks for others. One that has the folder, or does not answer, but is alive: LOCKED. Of two that come at
//      once each sees the other, or one of them is too late: the one that is first by name waits for the other to give way.
//
// It holds for the processes of one machine, its containers included; not over a network file system, where sockets of
// other machines look dead, and not on Windows.

import { randomUUID } from 'node:crypto'
import { closeSync, constants, openSync, renameSync, rmSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type Logger, silentLog } from '../env.js'
import { StoreError } from '../errors.js'

const NAME = /^\.hotspare-(\d+)-[0-9a-f-]{36}\.lock$/
/** The kernel takes no longer path of a socket (104 bytes with some, 108 with others), with the name that comes after. */
const LONGEST_FOLDER_BYTES = 104 - '/.hotspare-4194304-'.length - 36 - '.lock'.length - 1
/** One that is alive, but answers nothing for so long, has the folder: its process is busy, or was stopped. */
const ANSWER_MS = 500
const LOOK_AGAIN_MS = 20

/** `wants`: it looks whether others have the folder. `has`: it has found none. */
type Claim = 'wants' | 'has'

export class FolderLock {
  readonly #names: string
  readonly #server: Server
  readonly #name: string
  readonly #way: Way
  #claim: Claim = 'wants'
  #isReleased = false

  /**
   * Takes the folder. Throws StoreError LOCKED, which names the process that has it. Where sockets cannot be made (a
   * folder that is read-only, some file systems) it says so in the log and takes nothing.
   */
  static async take(folder: string, log: Logger = silentLog): Promise<FolderLock | null> {
    const way = new Way(folder)
    let lock: FolderLock
    try {
      lock = await FolderLock.#listen(way)
    } catch (error) {
      way.close()
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw new StoreError('FILE', `cannot open ${folder}: ${error}`, { cause: error })
      log.warn(`The folder ${folder} cannot be locked (${code}): nothing keeps another process from using it too.`)
      return null
    }
    try {
      await lock.#lookForOthers(folder)
    } catch (error) {
      lock.release()
      throw error
    }
    lock.#claim = 'has'
    return lock
  }

  static #listen(way: Way): Promise<FolderLock> {
    const id = `${process.pid}-${randomUUID()}`
    const hidden = way.to(`.hotspare-${id}.new`)
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.end(`${lock.#claim}\n`)
      })
      const lock = new FolderLock(way, server, `.hotspare-${id}.lock`)
      server.once('error', reject)
      // `exclusive`: in a worker of node:cluster too, the socket is this process's own.
      server.listen({ path: hidden, exclusive: true }, () => {
        try {
          renameSync(hidden, lock.#names)
          resolve(lock)
        } catch (error) {
          server.close()
          reject(error as Error)
        }
      })
      server.unref()
    })
  }

  private constructor(way: Way, server: Server, name: string) {
    this.#way = way
    this.#server = server
    this.#name = name
    this.#names = way.to(name)
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    rmSync(this.#names, { force: true })
    this.#server.close()
    this.#way.close()
  }

  async #lookForOthers(folder: string): Promise<void> {
    for (let others = true; others; ) {
      others = false
      for (const name of await readdir(folder)) {
        const pid = NAME.exec(name)?.[1]
        if (pid === undefined || name === this.#name) continue
        const claim = await claimAt(this.#way.to(name))
        if (claim === 'gone') others = true
        else if (claim === 'dead') await rm(join(folder, name), { force: true })
        else if (claim === 'has' || this.#name > name) {
          const who = Number(pid) === process.pid ? 'this process' : `process ${pid}`
          throw new StoreError('LOCKED', `the folder ${folder} is in use by another store, of ${who}`)
        } else others = true
      }
      if (others) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
}

/** How the sockets of a folder are reached: their paths may be longer than the kernel takes. */
class Way {
  readonly #prefix: string
  readonly #fd: number | null = null

  constructor(folder: string) {
    this.#prefix = folder
    if (Buffer.byteLength(folder) <= LONGEST_FOLDER_BYTES || process.platform !== 'linux') return
    this.#fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    this.#prefix = `/proc/self/fd/${this.#fd}`
  }

  to(name: string): string {
    return join(this.#prefix, name)
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
  }
}

/** What the one that listens there says; `dead` when nobody does, `gone` when it went while it was asked. */
function claimAt(path: string): Promise<Claim | 'dead' | 'gone'> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let answer = ''
    const settle = (claim: Claim | 'dead' | 'gone'): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(claim)
    }
    const timer = setTimeout(() => settle('has'), ANSWER_MS)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answer += text
      if (answer.endsWith('\n')) settle(answer === 'wants\n' ? 'wants' : 'has')
    })
    socket.on('end', () => settle('gone'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      // Anything else, such as EACCES or a queue that is full, comes from one that is alive, or may be.
      if (code === 'ECONNREFUSED' || code === 'ENOENT') settle('dead')
      else settle(code === 'ECONNRESET' || code === 'EPIPE' ? 'gone' : 'has')
    })
  })
}
