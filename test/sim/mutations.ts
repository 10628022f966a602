// Faults to be planted in a copy of the sources, one at a time, each of which the simulation has to find: what it is worth
// is what it finds. Each is a mistake that somebody could make. `npm run sim:mutations` plants them.

export interface Mutation {
  readonly name: string
  /** What somebody got wrong, in a sentence. */
  readonly mistake: string
  /** A file of src. */
  readonly file: string
  /** Stands there exactly once. */
  readonly source: string
  readonly becomes: string
  /** No invariant tells: the code throws where it meets what it did. */
  readonly throws?: boolean
  /** In which runs it is looked for: of three nodes with files, which come back often; with failovers; of handover.ts. */
  readonly runs?: 'files' | 'failovers' | 'handovers'
}

export const mutations: readonly Mutation[] = [
  // Offsets and ids.
  {
    name: 'psync-asks-for-a-byte-again',
    mistake: 'PSYNC asks with the offset, and not with the number of the first byte that is wanted.',
    file: 'replication/replica.ts',
    source: "this.#ask('PSYNC', ['PSYNC', history.askedFor, history.offset + 1,",
    becomes: "this.#ask('PSYNC', ['PSYNC', history.askedFor, history.offset,",
  },
  {
    name: 'psync-answers-a-byte-late',
    mistake: 'The number that PSYNC asks for is taken for a position, which counts from 0.',
    file: 'replication/primary.ts',
    source: 'const position = wanted - 1\n',
    becomes: 'const position = wanted\n',
  },
  {
    name: 'second-offset-one-too-far',
    mistake: 'A promoted node counts the first byte of its own to its past.',
    file: 'replication/history.ts',
    source: 'this.secondOffset = this.offset + 1\n    this.replid = this.#randomHex(REPLID_BYTES)',
    becomes: 'this.secondOffset = this.offset + 2\n    this.replid = this.#randomHex(REPLID_BYTES)',
  },
  {
    name: 'old-id-without-end',
    mistake: 'Whoever names the old id may go on, however far it went with somebody else.',
    file: 'replication/history.ts',
    source: '(replid === this.replid2 && wanted <= this.secondOffset)',
    becomes: 'replid === this.replid2',
  },
  {
    name: 'old-id-outlives-a-full-sync',
    mistake: 'A full sync brings a new history, and the old id still counts as its past.',
    file: 'replication/history.ts',
    source: 'this.offset = offset\n    this.forgetSecond()',
    becomes: 'this.offset = offset',
  },
  {
    name: 'old-id-forgotten-at-promotion',
    mistake: 'A promoted node does not remember the id under which all others know their data.',
    file: 'replication/history.ts',
    source: 'this.replid2 = this.replid\n    this.secondOffset = this.offset + 1',
    becomes: 'this.forgetSecond()',
  },
  {
    name: 'promotion-under-the-old-id',
    mistake: 'A promoted node goes on under the id of a primary that may be alive.',
    file: 'engine/role.ts',
    source: 'history.becomeBranch()',
    becomes: '',
  },
  {
    name: 'id-before-data',
    mistake: 'A node takes over id and offset when the full sync is announced, and not when its data is there.',
    file: 'replication/replica.ts',
    source: 'this.#becomeSync({ replid: full[1], offset: Number(full[2]) })',
    becomes: `this.#host.stream.history.becomeCopy(full[1], Number(full[2]))
      this.#becomeSync({ replid: full[1], offset: Number(full[2]) })`,
  },

  // What is acknowledged and counted.
  {
    name: 'ack-of-one-more',
    mistake: 'The ACK tells the number of the byte that is wanted next.',
    file: 'replication/replica.ts',
    source: "this.#send(['REPLCONF', 'ACK', this.#host.stream.history.offset, ...fack])",
    becomes: "this.#send(['REPLCONF', 'ACK', this.#host.stream.history.offset + 1, ...fack])",
  },
  {
    name: 'ack-before-apply',
    mistake: 'What came is acknowledged at once, and then applied.',
    file: 'replication/replica.ts',
    source: 'this.#host.apply(chunk)\n      if',
    becomes: "this.#send(['REPLCONF', 'ACK', history.offset + chunk.length])\n      this.#host.apply(chunk)\n      if",
  },
  {
    name: 'offset-counts-what-came',
    mistake: 'The offset counts the bytes that came, half a command included.',
    file: 'engine/applier.ts',
    source: 'finally {\n      this.#relay(appliedBytes)',
    becomes: 'finally {\n      this.#relay(this.#held.reduce((sum, { length }) => sum + length, this.#relayedBytes))',
  },
  {
    name: 'offset-inside-a-transaction',
    mistake: 'The offset counts the commands of a transaction whose EXEC has not come.',
    file: 'engine/applier.ts',
    source: 'if (!this.#host.isInTransaction()) appliedBytes =',
    becomes: 'appliedBytes =',
  },
  {
    name: 'acks-stop',
    mistake: 'A replica in step acknowledges only when it is asked.',
    file: 'replication/replica.ts',
    source: "else if (this.state === 'connected') this.acknowledge()\n",
    becomes: '\n',
  },
  {
    name: 'pings-stop',
    mistake: 'A primary without writes says nothing, and its replicas take it for dead.',
    file: 'replication/primary.ts',
    source: 'stream.writeControl(PING)',
    becomes: '',
  },

  // A full sync.
  {
    name: 'stream-before-the-ack',
    mistake: 'Behind a snapshot that ends with a mark the stream follows at once.',
    file: 'replication/primary.ts',
    source: "} else if (replica.traits.eof) replica.state = 'acknowledging'\n    else",
    becomes: '} else',
  },
  {
    name: 'stream-into-the-snapshot',
    mistake: 'Whoever is no longer waiting is fed, also those whose snapshot is not sent yet.',
    file: 'replication/primary.ts',
    source: "if (replica.state === 'online') this.#feed(replica, shareBytes)",
    becomes: "if (replica.state !== 'waiting') this.#feed(replica, shareBytes)",
  },
  {
    name: 'stream-from-the-end-of-the-sync',
    mistake: 'A replica is fed from where the stream stands when its snapshot was sent, and not when it was taken.',
    file: 'replication/primary.ts',
    source: "#becomeOnline(replica: Replica): void {\n    replica.state = 'online'",
    becomes:
      "#becomeOnline(replica: Replica): void {\n    replica.position = this.#host.stream.history.offset\n    replica.state = 'online'",
  },
  {
    name: 'half-a-snapshot',
    mistake: 'A full sync that breaks leaves what was loaded so far in the place of the old data.',
    file: 'engine/loading.ts',
    source: 'abort: () => {},',
    becomes: 'abort: () => whole(fresh, place),',
  },
  {
    name: 'mark-cut-in-two',
    mistake: 'The mark at the end of a snapshot is looked for in one chunk.',
    file: 'replication/replica.ts',
    source: 'const joined = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])',
    becomes: 'if (this.#tail.length > 0) write(this.#tail)\n    const joined = chunk',
  },
  {
    name: 'broken-sync-is-the-last',
    mistake: 'A link that breaks in the middle of a full sync is not tried again.',
    file: 'replication/replica.ts',
    source: "if (this.state === 'stopped') return\n    this.#become('connect', error)",
    becomes: "if (this.state === 'stopped' || this.state === 'sync') return\n    this.#become('connect', error)",
  },

  // Snapshots while changes go on.
  {
    name: 'no-pre-image-of-a-time',
    mistake: 'EXPIRE and PERSIST change a key without telling the snapshots.',
    file: 'keyspace/keyspace.ts',
    source: `setExpiry(key: string, expiresAt: number | null): void {
    const before = this.#beforeChange(key)`,
    becomes: `setExpiry(key: string, expiresAt: number | null): void {
    const before = this.slots.get(key)`,
  },
  {
    name: 'no-pre-image-of-a-collection',
    mistake: 'A collection is changed in place without telling the snapshots.',
    file: 'keyspace/keyspace.ts',
    source: 'if (!this.#plain) this.#beforeChange(key)\n',
    becomes: '\n',
  },
  {
    name: 'new-keys-in-a-snapshot',
    mistake: 'A key that was not there when the snapshot was taken is written as it is by now.',
    file: 'snapshot.ts',
    source: 'this.#left = keyspace.slots.size\n',
    becomes: 'this.#left = Number.POSITIVE_INFINITY\n',
  },
  {
    name: 'snapshot-of-a-lost-replica',
    mistake: 'A replica that goes in the middle of a full sync leaves its snapshot open.',
    file: 'replication/transfer.ts',
    source: 'this.#source.cancel()',
    becomes: '',
  },

  // What stands in the stream.
  {
    name: 'snapshot-names-no-keyspace',
    mistake: 'A snapshot does not say in which keyspace the stream behind it stands.',
    file: 'engine/engine.ts',
    source: 'streamDb: () => (this.#role.link === null ? this.stream.db : this.upstream.db),',
    becomes: 'streamDb: () => 0,',
  },
  {
    name: 'transaction-parted',
    mistake: 'The commands of a transaction go into the stream without MULTI and EXEC.',
    file: 'replication/stream.ts',
    source: `this.write(entries[0].db, MULTI)
    for (const { db, latin1 } of entries) this.write(db, latin1)
    this.#append(EXEC)`,
    becomes: 'for (const { db, latin1 } of entries) this.write(db, latin1)',
  },
  {
    name: 'expiry-untold',
    mistake: 'A primary deletes what is past its time, and believes that its replicas do the same.',
    file: 'engine/engine.ts',
    source: "this.#journal.write(keyspace.index, [lazy ? 'UNLINK' : 'DEL', key])",
    becomes: "if (why !== 'expire') this.#journal.write(keyspace.index, [lazy ? 'UNLINK' : 'DEL', key])",
  },
  {
    name: 'field-expiry-untold',
    mistake: 'Fields that are past their time are deleted without an HDEL for the replicas.',
    file: 'engine/expirer.ts',
    source: "host.write(keyspace.index, ['HDEL', key, ...fields])",
    becomes: '',
  },
  {
    name: 'relative-time',
    mistake: 'EXPIRE goes into the stream as it came, and counts from when it arrives.',
    file: 'commands/expire.ts',
    source: "const asItStands = name === 'PEXPIREAT' && Number.isSafeInteger(expiresAt)",
    becomes: 'const asItStands = true',
  },
  {
    name: 'blpop-as-itself',
    mistake: 'BLPOP goes into the stream as it came, with a timeout and several keys.',
    file: 'commands/lists-blocking.ts',
    source: 'ctx.effect(endNames[from].pop, key)',
    becomes: '',
  },
  {
    name: 'spop-as-itself',
    mistake: 'SPOP goes into the stream as it came, and each replica draws a member of its own.',
    file: 'commands/sets.ts',
    source: "ctx.effect('SREM', key, member)\n  ctx.reply",
    becomes: 'ctx.reply',
  },
  {
    name: 'xadd-as-itself',
    mistake: 'XADD goes into the stream with its asterisk, and each replica makes an id of its own clock.',
    file: 'commands/streams.ts',
    source: 'if (seq === undefined) effect[idAt] = formatId(id)',
    becomes: '',
  },
  {
    name: 'replica-pings',
    mistake: 'A replica with replicas of its own puts PINGs into a stream that is not its own.',
    file: 'engine/role.ts',
    source: 'isRelaying: () => this.link !== null,',
    becomes: 'isRelaying: () => false,',
    throws: true,
  },

  // What only a primary may do.
  {
    name: 'replica-expires',
    mistake: 'A replica deletes a key that is past its time when somebody reads it.',
    file: 'engine/engine.ts',
    source: 'if (this.#role.link === null && !this.pause.isStill && this.contents.holds(keyspace)) {',
    becomes: 'if (!this.pause.isStill && this.contents.holds(keyspace)) {',
  },
  {
    name: 'replica-evicts',
    mistake: 'A replica makes room when its maxmemory is lowered.',
    file: 'engine/bounds.ts',
    source: 'if (this.#maxMemory === 0 || !this.#host.mayEvict()) return true',
    becomes: 'if (this.#maxMemory === 0) return true',
  },
  {
    name: 'own-clock-while-applying',
    mistake: 'What comes from the primary does not see keys that are past their time by the clock of the replica.',
    file: 'engine/engine.ts',
    source: '!this.upstream.isApplying && this.#journal.now > expiresAt',
    becomes: 'this.#journal.now > expiresAt',
  },

  // A link that breaks.
  {
    name: 'half-a-command-kept',
    mistake: 'What came of a command before the link broke is put before what the next link brings.',
    file: 'engine/engine.ts',
    source: 'resetApply: () => this.upstream.reset(),',
    becomes: 'resetApply: () => {},',
  },
  {
    name: 'new-id-not-passed-on',
    mistake: 'A node that learns a new id does not let its own replicas learn it.',
    file: 'replication/replica.ts',
    source: 'history.becomeRenamed(named)\n      this.#host.disconnectReplicas()',
    becomes: 'history.becomeRenamed(named)',
  },
  {
    name: 'new-data-not-passed-on',
    mistake: 'A node that was loaded anew goes on feeding the replicas that it had before.',
    file: 'replication/replica.ts',
    source: 'this.#host.disconnectReplicas()\n    this.#host.resetApply()',
    becomes: 'this.#host.resetApply()',
  },
  {
    name: 'lost-link-not-forgotten',
    mistake: 'A client whose link broke, be it a replica or not, is kept.',
    file: 'listener.ts',
    source: "this.#state = 'closed'\n    this.#engine.disconnect(this.client)",
    becomes: "this.#state = 'closed'",
  },

  // The backlog.
  {
    name: 'backlog-cut-under-a-replica',
    mistake: 'The backlog is cut to its size, whatever an attached replica has still to read.',
    file: 'replication/backlog.ts',
    source: 'const keep = Math.min(this.end - this.sizeBytes, needed)',
    becomes: 'const keep = this.end - this.sizeBytes',
  },
  {
    name: 'backlog-wraps-too-early',
    mistake: 'What does not fit into a segment of the backlog loses the part that does.',
    file: 'replication/backlog.ts',
    source: 'if (room > 0) this.append(latin1.slice(0, room))\n',
    becomes: '\n',
  },
  {
    name: 'backlog-drops-a-segment-too-many',
    mistake: 'The segment in which the oldest byte stands that is still needed goes with those before it.',
    file: 'replication/backlog.ts',
    source: 'this.#segments[whole + 1].start <= keep',
    becomes: 'this.#segments[whole].start <= keep',
    throws: true,
  },
  {
    name: 'backlog-resized-is-empty',
    mistake: 'CONFIG SET repl-backlog-size makes a new backlog and forgets what was in the old one.',
    file: 'replication/stream.ts',
    source: 'if (this.#backlog !== null) this.#backlog.sizeBytes = sizeBytes',
    becomes: 'if (this.#backlog !== null) this.#backlog = new Backlog(sizeBytes, this.history.offset)',
  },

  // Limits and ends.
  {
    name: 'output-limit-ignored',
    mistake: 'A replica that does not read may make the backlog grow without end.',
    file: 'replication/primary.ts',
    source: 'if (hardBytes > 0 && lagBytes > allowedBytes) {',
    becomes: 'if (hardBytes < 0) {',
  },
  {
    name: 'one-client-too-many',
    mistake: 'maxclients lets one more in.',
    file: 'listener.ts',
    source: "if (clients.size >= config.number('maxclients'))",
    becomes: "if (clients.size > config.number('maxclients'))",
  },
  {
    name: 'timer-of-the-primary-left',
    mistake: 'A store that is closed goes on looking after its replicas every second.',
    file: 'replication/primary.ts',
    source: 'this.#tick?.cancel()\n    this.#tick = null\n    this.disconnectAll()',
    becomes: 'this.disconnectAll()',
  },
  {
    name: 'link-to-the-primary-left',
    mistake: 'A replica that is closed keeps up its link to the primary.',
    file: 'engine/role.ts',
    source: 'this.#letGo()\n    this.link?.stop()\n    this.primary.close()',
    becomes: 'this.#letGo()\n    this.primary.close()',
  },

  // Files.
  {
    name: 'always-without-a-sync',
    mistake: 'Under always what was written is not forced to the disk.',
    file: 'persistence/aof-log.ts',
    source: "this.#write(policy === 'always')\n    if (policy",
    becomes: 'this.#write(false)\n    if (policy',
    runs: 'files',
  },
  {
    name: 'snapshot-renamed-unsynced',
    mistake: 'A snapshot takes the place of the old one before it is on the disk.',
    file: 'persistence/rdb-file.ts',
    source: 'await writing\n        await file.sync()',
    becomes: 'await writing',
    runs: 'files',
  },
  {
    name: 'base-unsynced',
    mistake: 'The manifest names a base that is not on the disk yet.',
    file: 'persistence/aof-rewrite.ts',
    source: '}\n      await file.sync()\n    } finally {',
    becomes: '}\n    } finally {',
    runs: 'files',
  },
  {
    name: 'torn-tail-kept',
    mistake: 'A torn tail is passed over, and what comes next is written behind it.',
    file: 'persistence/aof-folder.ts',
    source: 'this.#disk.truncateNow(path, validBytes)\n    const file',
    becomes: 'const file',
    runs: 'files',
  },
  {
    name: 'place-of-the-base',
    mistake: 'After a restart the place in the history is that of the base, and not that behind its increments.',
    file: 'persistence/aof-loader.ts',
    source: 'if (this.place !== null) this.place.offset += bytes',
    becomes: '',
    runs: 'files',
  },
  {
    name: 'past-forgotten-at-restart',
    mistake: 'A node that was restarted does not know the id under which it stood in the stream.',
    file: 'replication/history.ts',
    source: 'this.replid = replid\n    this.becomeBranch()',
    becomes: 'this.becomeNew()',
    runs: 'files',
  },
  {
    name: 'restart-under-the-old-id',
    mistake: 'A primary that was restarted goes on under its old id, of which replicas may know more than it does.',
    file: 'replication/history.ts',
    source: 'this.replid = replid\n    this.becomeBranch()',
    becomes: 'this.replid = replid',
    runs: 'files',
  },
  {
    name: 'old-log-after-a-full-sync',
    mistake: 'After a full sync the file goes on, behind data that is no longer there.',
    file: 'persistence/append-only-file.ts',
    source: 'this.#owner.durability.end()\n    this.#restart()',
    becomes: 'this.#owner.durability.end()',
    runs: 'files',
  },

  // Failover, and who waits for replicas.
  {
    name: 'failover-before-all-is-there',
    mistake: 'The target is asked to take over as soon as it is in step at all.',
    file: 'replication/primary.ts',
    source: 'replica.hasAcknowledged && replica.acknowledged >= this.#host.stream.history.offset',
    becomes: 'replica.hasAcknowledged',
    runs: 'failovers',
  },
  {
    name: 'pause-of-a-failover-left',
    mistake: 'When a failover is over the writes wait still.',
    file: 'engine/role.ts',
    source: "release: () => host.pause.end('failover'),",
    becomes: 'release: () => {},',
    runs: 'handovers',
  },
  {
    name: 'role-taken-back-on-a-lost-answer',
    mistake:
      'When the answer of the target is lost, what it says the next time counts: a refusal, for it is a primary by now.',
    file: 'replication/failover.ts',
    source: "if (this.#asked === 'once') {",
    becomes: "if (this.#asked !== 'to go on') {",
    runs: 'handovers',
  },
  {
    name: 'failover-that-is-not-answered',
    mistake: 'A target that takes over is not followed, but asked once more.',
    file: 'replication/failover.ts',
    source: "this.#end()\n      return 'follow'",
    becomes: "this.#asked = 'again'\n      return 'ask again'",
    runs: 'handovers',
  },
  {
    name: 'wait-counts-what-was-sent',
    mistake: 'WAIT counts the replicas that were sent everything, and not those that acknowledged it.',
    file: 'replication/acknowledgments.ts',
    source: 'return this.#count(({ acknowledged }) => acknowledged >= wanted)',
    becomes: 'return this.#count(({ position }) => position >= wanted)',
    runs: 'handovers',
  },
  {
    name: 'wait-counts-from-the-end-of-a-write',
    mistake: 'WAIT asks for what was there before the last write.',
    file: 'replication/acknowledgments.ts',
    source: 'return this.#count(({ acknowledged }) => acknowledged >= wanted)',
    becomes: 'return this.#count(({ acknowledged }) => acknowledged > 0 && acknowledged >= wanted - 100)',
    runs: 'handovers',
  },
  {
    name: 'min-replicas-that-were-there',
    mistake: 'min-replicas-to-write counts replicas whose links are open, however long they say nothing.',
    file: 'replication/primary.ts',
    source: "state === 'online' && heardAt >= since",
    becomes: "state === 'online' && heardAt >= 0 * since",
    runs: 'handovers',
  },
  {
    name: 'token-without-its-history',
    mistake: 'What arrived is told by the offset alone, whatever history it counts in.',
    file: 'replication/arrivals.ts',
    source: "if (standing === 'held') settle()",
    becomes: "if (standing === 'held' || history.offset >= place.offset) settle()",
    runs: 'failovers',
  },
]
