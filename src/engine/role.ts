// Whether this node is a primary or a replica, and what follows from it: the feeding side, the link to a primary, and
// the changes between the two. What it does to the data goes through its host, the engine.
//
//   primary --follow--> replica --follow--> replica (of another)
//      ^---------------promote---/

import type { Client } from '../commands/client.js'
import type { ReplicaView } from '../commands/command.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { ReplyError } from '../errors.js'
import type { Transport } from '../link.js'
import { Acknowledgments } from '../replication/acknowledgments.js'
import { Arrivals } from '../replication/arrivals.js'
import { Failover, type Target } from '../replication/failover.js'
import { Primary, type Replica } from '../replication/primary.js'
import { type LinkState, type ReplicaConfig, ReplicaLink, type SnapshotLoad } from '../replication/replica.js'
import type { SnapshotForm } from '../replication/snapshot-form.js'
import type { Stream } from '../replication/stream.js'
import type { SnapshotSource } from '../snapshot-pace.js'
import type { Durability } from './durability.js'
import type { Pause } from './pause.js'
import { viewOfReplica } from './views.js'

export interface RoleHost {
  readonly env: Env
  readonly config: Config
  readonly stream: Stream
  readonly runId: string
  readonly port: number
  readonly pause: Pause
  readonly durability: Durability
  /** The node ends, and what it saves last holds all of the stream. */
  isSaved(): boolean
  takeSnapshot(form: SnapshotForm): SnapshotSource
  writeSupplement(version: number): void
  beginLoad(): SnapshotLoad
  apply(chunk: Buffer): void
  resetApply(): void
  /** Follows the one that is to take over. */
  yieldTo(target: Target): void
  /** Becomes a primary again, since that one did not. */
  takeBack(): void
  counted(what: 'syncFull' | 'syncPartialOk' | 'syncPartialErr'): void
  replicaChanged(replica: Replica): void
  linkChanged(state: LinkState, error?: Error): void
  roleChanged(role: 'primary' | 'replica'): void
}

/** Credentials and address of the primary that is followed, as far as they are not in the configuration. */
export interface FollowOptions {
  username?: string
  password?: string
  /** The link is made then; the node is a replica at once. */
  after?: Promise<unknown>
}

export class Role {
  readonly primary: Primary
  readonly arrivals: Arrivals
  readonly acknowledgments: Acknowledgments
  readonly failover: Failover
  link: ReplicaLink | null = null
  /** The name under which a network that knows names sees us, if it is not the environment's. */
  address: string | undefined
  readonly #host: RoleHost
  readonly #replicas = new Map<Client, Replica>()
  /** While we follow, the process stays alive, also between two attempts to connect. */
  #release: (() => void) | null = null
  #credentials: { username: string; password: string } | null = null

  constructor(host: RoleHost) {
    this.#host = host
    const { env, config, stream } = host
    this.arrivals = new Arrivals({ env, history: stream.history, isReplica: () => this.link !== null })
    let outputLimit = config.outputLimit('replica')
    this.primary = new Primary({
      env,
      stream,
      config: () => ({
        backlogBytes: config.number('repl-backlog-size'),
        backlogTtlSeconds: config.number('repl-backlog-ttl'),
        pingSeconds: config.number('repl-ping-replica-period'),
        timeoutSeconds: config.number('repl-timeout'),
        syncDelaySeconds: config.flag('repl-diskless-sync') ? config.number('repl-diskless-sync-delay') : 0,
        syncMaxReplicas: config.number('repl-diskless-sync-max-replicas'),
        keyDelayMs: Math.max(0, config.number('rdb-key-save-delay')) / 1000,
        output: outputLimit,
      }),
      takeSnapshot: (form) => host.takeSnapshot(form),
      writeSupplement: (version) => host.writeSupplement(version),
      isRelaying: () => this.link !== null,
      isStill: () => this.failover.isStill || host.isSaved(),
      counted: (what) => host.counted(what),
      replicaChanged: (replica) => host.replicaChanged(replica),
    })
    const requestAcks = (): void => this.primary.requestAcks()
    this.acknowledgments = new Acknowledgments({
      env,
      replicas: () => this.primary.replicas,
      writtenOffset: () => this.primary.writtenOffset,
      requestAcks: () => {
        // The offset is to stand still then. ACKs come by themselves within a second.
        if (!host.pause.isOn) requestAcks()
      },
    })
    host.durability.on(() => this.acknowledgments.arrived())
    this.failover = new Failover({
      env,
      replicas: () => this.primary.replicas,
      isReplica: () => this.link !== null,
      isInStep: (replica) => this.primary.isInStep(replica),
      requestAcks,
      hold: () => host.pause.begin(Number.MAX_SAFE_INTEGER, 'write', 'failover'),
      release: () => host.pause.end('failover'),
      yieldTo: (target) => host.yieldTo(target),
      takeBack: () => host.takeBack(),
    })
    config.on('client-output-buffer-limit', () => {
      outputLimit = config.outputLimit('replica')
    })
    config.on('repl-backlog-size', () => stream.resize(config.number('repl-backlog-size')))
  }

  /** PSYNC and SYNC: the client becomes a replica's link. Throws NOMASTERLINK while we have nothing to give. */
  attach(client: Client, replid: string, wanted: number, isSync: boolean): void {
    if (this.#replicas.has(client)) return
    if (this.link !== null && !this.link.isUp) {
      throw new ReplyError("NOMASTERLINK Can't SYNC while not connected with my master")
    }
    if (client.link === undefined) throw new ReplyError('ERR SYNC and PSYNC need a connection of their own')
    client.flush()
    client.kind = 'replica'
    this.#replicas.set(client, this.primary.attach(client.link, client.announced, replid, wanted, isSync))
  }

  detach(client: Client): void {
    const replica = this.#replicas.get(client)
    if (replica === undefined || !this.#replicas.delete(client)) return
    this.primary.detach(replica)
    this.failover.arrived()
  }

  /** Bytes came over a replica's link. */
  heard(client: Client): void {
    const replica = this.#replicas.get(client)
    if (replica !== undefined) this.primary.heard(replica)
  }

  /** A replica's link has room again. */
  drained(client: Client): void {
    const replica = this.#replicas.get(client)
    if (replica !== undefined) this.primary.drained(replica)
  }

  acknowledge(client: Client, offset: number, fsyncedOffset?: number): void {
    const replica = this.#replicas.get(client)
    if (replica === undefined) return
    this.primary.acknowledge(replica, offset, fsyncedOffset)
    this.acknowledgments.arrived()
    this.failover.arrived()
  }

  /** Tells our primary how far we are. */
  acknowledgeNow(): void {
    this.link?.answerGetAck()
  }

  replicaOf(client: Client): Replica | undefined {
    return this.#replicas.get(client)
  }

  replicas(): ReplicaView[] {
    const now = this.#host.env.monotonic()
    const attached = [...this.#replicas.values()].filter(({ state }) => state !== 'gone')
    return attached.map((replica) => viewOfReplica(replica, now))
  }

  goodReplicas(maxLagSeconds: number): number {
    return this.primary.goodReplicas(maxLagSeconds)
  }

  get name(): 'primary' | 'replica' {
    return this.link === null ? 'primary' : 'replica'
  }

  /** Becomes a replica of that primary, or of another one than before. */
  follow(transport: Transport, options: FollowOptions = {}): void {
    const { env, stream } = this.#host
    const wasPrimary = this.link === null
    this.link?.stop()
    this.#credentials =
      options.password === undefined ? null : { username: options.username ?? '', password: options.password }
    const link = new ReplicaLink(
      {
        env,
        stream,
        runId: this.#host.runId,
        config: () => this.#linkConfig(),
        failover: this.failover,
        fsyncedOffset: () => this.#host.durability.offset,
        beginLoad: () => this.#host.beginLoad(),
        apply: (chunk) => {
          this.#host.apply(chunk)
          if (this.arrivals.isDue) this.arrivals.moved()
        },
        resetApply: () => this.#host.resetApply(),
        disconnectReplicas: () => this.primary.disconnectAll(),
        stateChanged: (state, error) => {
          this.#host.linkChanged(state, error)
          this.arrivals.look()
        },
      },
      transport,
      env.name ?? this.address,
    )
    if (this.link !== null) link.downSince = this.link.downSince
    this.link = link
    stream.forgetSelected()
    this.#release ??= env.hold()
    if (wasPrimary) {
      this.acknowledgments.becomeReplica()
      this.#host.roleChanged('replica')
    }
    if (options.after === undefined) this.#begin(link, wasPrimary)
    else void options.after.then(() => this.#begin(link, wasPrimary))
  }

  #begin(link: ReplicaLink, wasPrimary: boolean): void {
    const { env, stream } = this.#host
    // Meanwhile the node was told to follow another one, or was closed.
    if (this.link !== link || link.state === 'stopped') return
    const resumable = stream.active
    if (wasPrimary && resumable) {
      env.log.info(
        'Before turning into a replica, using my own master parameters to synthesize a cached master: ' +
          'I may be able to synchronize with the new master with just a partial transfer.',
      )
    }
    link.start(resumable)
  }

  /** Becomes a primary with a new history that remembers the old one. Replicas come back and learn the new id. */
  promote(why = 'user request'): void {
    if (this.link === null) return
    const { env, stream, config } = this.#host
    this.link.stop()
    this.link = null
    this.#letGo()
    this.#credentials = null
    this.#host.resetApply()
    const { history } = stream
    history.becomeBranch()
    env.log.info(
      `Setting secondary replication ID to ${history.replid2}, valid up to offset: ${history.secondOffset}. ` +
        `New replication ID is ${history.replid}`,
    )
    if (stream.backlog === null) stream.reopen(config.number('repl-backlog-size'))
    stream.forgetSelected()
    this.primary.becomeOwner()
    env.log.info(`MASTER MODE enabled (${why})`)
    this.#host.roleChanged('primary')
    this.arrivals.look()
  }

  close(): void {
    this.failover.close()
    this.acknowledgments.close()
    this.arrivals.close()
    this.#letGo()
    this.link?.stop()
    this.primary.close()
  }

  #letGo(): void {
    this.#release?.()
    this.#release = null
  }

  #linkConfig(): ReplicaConfig {
    const { config, port } = this.#host
    const credentials = this.#credentials
    return {
      timeoutSeconds: config.number('repl-timeout'),
      backlogBytes: config.number('repl-backlog-size'),
      username: credentials?.username ?? config.text('masteruser'),
      password: credentials?.password ?? config.text('masterauth'),
      announcePort: config.number('replica-announce-port') || port,
      announceIp: config.text('replica-announce-ip'),
    }
  }
}
