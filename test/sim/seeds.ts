// Every seed that ever failed, and what it found. What a seed gives changes with the generator; so the smallest schedule that
// failed is kept too, and says the same for ever.

export interface FoundSeed {
  readonly seed: number
  /** Found in runs with files (`--files`). */
  readonly files?: boolean
  /** Found in runs with failovers (`--failovers`). */
  readonly failovers?: boolean
  /** What was wrong, in a sentence. */
  readonly found: string
  readonly schedule: string
}

export const foundSeeds: readonly FoundSeed[] = [
  {
    seed: 45,
    found:
      'a node that REPLICAOF told whom to follow dialled without its name, so that no fault of its own reached the link',
    schedule: `
      run seed=45 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node b observed=false max=0
      0 replicaof b a
      10000 crash b
      15000 call a 0 SET k v
    `,
  },
  {
    seed: 64,
    found: 'a store that closed while a full sync waited for others to join it left the timer of that wait behind',
    schedule: `
      run seed=64 heal=3000 split=false high-water=1048576 look=0
      node a observed=false max=0 repl-diskless-sync-delay=5
      node b observed=false max=0
      0 follow b a
      2000 close a
    `,
  },
  {
    seed: 1015,
    found: 'a store that closed while a client waited for a key left the timer of its timeout behind',
    schedule: `
      run seed=1015 heal=14000 split=false high-water=1048576 look=0
      node e observed=false max=0
      0 connect c2 e
      12032 send c2 XREAD BLOCK 2697 STREAMS x1 $
      13062 close e
    `,
  },
  {
    seed: 1629,
    found:
      'a replica that came back within the backlog, but further behind than client-output-buffer-limit allows, was let in and dropped again without end',
    schedule: `
      run seed=1629 heal=40000 split=false high-water=65536 look=0
      node c observed=false max=0 repl-backlog-size=1048576 "client-output-buffer-limit=replica 100000 0 0"
      node e observed=false max=0
      0 follow e c
      10000 partition c e
      10001 fill c 1 bulk: 1370 175
      20000 heal
    `,
  },
  {
    seed: 1778,
    found:
      'PFCOUNT from a client of a replica changed the count that the replica keeps in the value, so that it was not what its primary holds',
    schedule: `
      run seed=1778 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node b observed=false max=0
      0 follow b a
      5000 call a 0 PFADD p x y
      6000 call b 0 PFCOUNT p
      7000 verify a
    `,
  },
  {
    seed: 10730,
    found: 'a store that closed in the moment between PSYNC and the snapshot began that snapshot all the same',
    schedule: `
      run seed=10730 heal=42 split=false high-water=1048576 look=0.4
      node a observed=false max=0
      node b observed=true max=0
      node c observed=true max=0
      node d observed=false max=0
      node e observed=false max=0
      0 follow c b
      0 follow d a
      0 follow e a
      0 connect c1 b
      0 connect c2 d
      0 connect c3 c
      0 connect c4 c
      0 connect c5 e
      10 cut c e both
      10 call *1 0 GET a
      10 call *1 0 GET b
      10 call *1 0 GET c
      10 call *1 0 GET d
      10 call *1 0 GET e
      11 close a
    `,
  },
  {
    seed: 2244,
    found:
      'a resync that was ordered for a replica that had left took place when that came back, though everything had been replaced meanwhile',
    schedule: `
      run seed=2244 heal=484329 split=false high-water=1048576 look=0
      node a observed=true max=0 repl-timeout=10 repl-backlog-size=4194304
      node d observed=false max=0 repl-timeout=10 repl-backlog-size=4194304
      node e observed=false max=0 repl-timeout=10 repl-backlog-size=4194304
      140120 follow d e
      321980 freeze e
      333980 reload e
    `,
  },
  {
    seed: 4,
    found:
      'what a transaction did before its REPLICAOF was written into the stream behind it, where only the new primary writes',
    schedule: `
      run seed=4 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node b observed=false max=0
      node c observed=false max=0
      0 follow b a
      0 connect c1 a
      3000 send c1 MULTI | SET x 1 | SET y 2 | REPLICAOF c 0 | EXEC
      9000 call c 0 SET k v
    `,
  },
  {
    seed: 40,
    found: 'a store that closed left the link of a client that it had refused, for as long as that did not close it',
    schedule: `
      run seed=40 heal=3000 split=false high-water=1048576 look=0
      node a observed=false max=0 maxclients=1
      0 delay 100
      0 connect c1 a
      10 connect c2 a
      150 close a
    `,
  },
  {
    seed: 15,
    files: true,
    found:
      'while a disk was full that had taken a part of a write, the sync of each second came without end, in no time',
    schedule: `
      run seed=15 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0 files=true appendonly=yes appendfsync=everysec
      5000 disk-full a 150
      6000 call a 0 SET k v | SET l 123456789012345678901234567890 | APPEND l 12345678901234567890
      12000 disk-mended a
    `,
  },
  {
    seed: 127,
    files: true,
    found: 'what a killed process had left to the system was never forced to the disk by the one after it',
    schedule: `
      run seed=127 heal=30000 split=false high-water=1048576 look=0
      node a observed=false max=0 files=true appendonly=yes appendfsync=everysec
      1000 call a 0 SET k v
      1100 call a 0 SET l 12345678901234567890
      1200 crash a
      1300 restart a
      20000 outage a
      21000 restart a
    `,
  },
  {
    seed: 2,
    files: true,
    found: 'fields of a hash expired while the file was loaded, and neither the stream nor a replica heard of it',
    schedule: `
      run seed=2 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0 files=true appendonly=yes appendfsync=always
      node b observed=false max=0 files=true appendonly=yes appendfsync=always
      0 follow b a
      1000 call a 0 HSET h f v g w | HPEXPIRE h 500 FIELDS 1 f | SET k v PX 700
      1100 call a 0 BGREWRITEAOF
      1200 fill a 0 bulk: 600 1000
      1300 crash a
      5000 restart a
    `,
  },
  {
    seed: 10,
    files: true,
    found: 'behind a torn tail that was cut off, a file no longer said where its data stand',
    schedule: `
      run seed=10 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0 files=true appendonly=yes appendfsync=no
      1000 call a 0 SET k v | SET l 123456789012345678901234567890
      2000 outage a
      3000 restart a
      4000 call a 0 SET m v
      5000 crash a
      6000 restart a
    `,
  },
  {
    seed: 7,
    files: true,
    found:
      'a store that could not write its append-only file did not save its snapshot when it closed, and left its timers behind',
    schedule: `
      run seed=7 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0 files=true appendonly=yes appendfsync=everysec "save=10 1"
      1000 disk-full a 0
      2000 call a 0 SET k v
      3000 close a
    `,
  },
  {
    seed: 26,
    failovers: true,
    found: 'a store that closed while its connection to the primary for store.primary was being made left that behind',
    schedule: `
      run seed=26 heal=30000 split=false high-water=1048576 look=0
      node a observed=false max=0 repl-timeout=10 repl-ping-replica-period=3
      node c observed=false max=0 repl-timeout=10 repl-ping-replica-period=3
      0 follow a c
      3000 freeze a
      16000 forward a SET k v
      20000 close a
    `,
  },
  {
    seed: 104,
    failovers: true,
    found: 'a manifest that could not be read was told as an error without a code',
    schedule: `
      run seed=104 heal=20000 split=false high-water=1048576 look=0
      node e observed=false max=0 files=true appendonly=no
      1000 call e 0 BGREWRITEAOF
      2000 crash e
      3000 disk-failing e open
      4000 restart e
    `,
  },
  {
    seed: 137,
    failovers: true,
    found:
      'the snapshot of a primary did not say in which keyspace its stream stands: a node that went on from it wrote to another one',
    schedule: `
      run seed=137 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node b observed=false max=0 files=true appendonly=no
      node c observed=false max=0
      0 follow a b
      1000 follow c a
      2000 call b 3 SET k v
      2100 call b 0 SAVE
      2200 call b 3 SET l v
      2300 crash b
      3000 promote a
      4000 start b
      4000 follow b a
    `,
  },
  {
    seed: 238,
    failovers: true,
    found:
      'while clients were paused, a write of the owner to a key that was past its time did not tell the replicas that the old one is gone',
    schedule: `
      run seed=238 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node b observed=false max=0
      0 follow b a
      1000 connect w1 a
      1000 send w1 CLIENT PAUSE 9000 ALL
      1100 call a 0 HSET h old 1 | PEXPIRE h 500 | HSET g f 5 g 1 | HPEXPIRE g 500 FIELDS 1 f
      3000 call a 0 HINCRBY h count 4 | HINCRBY g f 1
    `,
  },
  {
    seed: 20300,
    found:
      'a node that came back with a base and an increment that was still empty went on with the stream in keyspace 0, wherever that stood',
    schedule: `
      run seed=20300 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node e observed=false max=0 files=true appendonly=yes appendfsync=always
      0 follow e a
      1000 call a 1 SET k 1
      2000 call e 0 BGREWRITEAOF
      3000 close e
      4000 call a 1 SET k 2
      5000 restart e
    `,
  },
  {
    seed: 20792,
    found:
      'a store that wrote no stream for a while saved its snapshot under the place at which that had ended, with other data',
    schedule: `
      run seed=20792 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node e observed=false max=0 files=true appendonly=yes appendfsync=always
      500 call e 0 SET k 1
      1000 config-kept e appendonly no
      2000 call e 0 SET k 2
      2500 call e 0 SAVE
      3000 crash e
      4000 restart e
    `,
  },
  {
    seed: 20878,
    found:
      'an increment that was begun in the place of one that had failed was not forced to the disk: a loss of power brought the old one back under its name',
    schedule: `
      run seed=20878 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node c observed=false max=0 files=true appendonly=no appendfsync=always
      1000 disk-failing c rename
      1100 config-kept c appendonly yes
      1200 call c 0 INCR n
      3000 disk-mended c
      9000 outage c
      10000 restart c
    `,
  },
  {
    seed: 21309,
    found: 'a replica that was dropped while its primary stood still was dropped again for each reason there is',
    schedule: `
      run seed=21309 heal=30000 split=false high-water=65536 look=0
      node a observed=false max=0 repl-backlog-size=65536 "client-output-buffer-limit=replica 65536 32768 5"
      node b observed=false max=0
      0 follow b a
      2000 freeze a
      2000 fill a 0 bulk: 800 200
      5000 fill a 0 bulk: 800 200
      6000 fill a 0 bulk: 800 200
    `,
  },
  {
    seed: 30216,
    found:
      'a store that closed right after a full sync left an append-only file with the data of before it, and told nobody',
    schedule: `
      run seed=30216 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0
      node c observed=false max=0 files=true appendonly=yes appendfsync=no
      1000 call a 0 INCRBY n3 -57
      1000 call c 0 SETRANGE s1 0 v19
      5000 follow c a
      5002 close c
    `,
  },
  {
    seed: 31107,
    found: "verify took an answer to an old primary's mark, which stood in the backlog still, for one to its own",
    schedule: `
      run seed=31107 heal=20000 split=false high-water=1048576 look=0
      node b observed=false max=0
      node c observed=false max=0
      node d observed=false max=0
      0 follow c b
      0 follow d b
      1000 freeze c
      2000 verify b
      3000 fill b 0 bulk: 30 10
      4000 promote d
      4000 delay 40
      4000 thaw c
      4000 follow c d
      4300 verify d
    `,
  },
  {
    seed: 1325,
    found:
      'a store that closed after a full sync that changed no offset did not save it: the file held the data of before',
    schedule: `
      run seed=1325 heal=20000 split=false high-water=1048576 look=0
      node a observed=false max=0 files=true appendonly=no save=
      node e observed=false max=0
      1000 set a 0 k v
      2000 close a
      3000 start a
      4000 follow a e
      9000 close a
    `,
  },
  {
    seed: 1908,
    failovers: true,
    found:
      'a target took over that had not got the request for ACKs behind the last write: the old primary stood further on, and needed a full sync',
    schedule: `
      run seed=1908 heal=2001 split=false high-water=1048576 look=0.4
      node a observed=false max=0 repl-timeout=5 repl-ping-replica-period=1 repl-diskless-sync-delay=0
      node b observed=false max=60 repl-timeout=5 repl-ping-replica-period=1 repl-diskless-sync-delay=0
      node c observed=false max=60 repl-timeout=5 repl-ping-replica-period=1 repl-diskless-sync-delay=0
      node e observed=false max=60 repl-timeout=5 repl-ping-replica-period=1 repl-diskless-sync-delay=0
      0 follow b a
      0 follow c a
      0 follow e a
      0 connect c1 c
      0 connect c2 c
      0 connect c3 a
      0 connect c4 a
      0 connect c5 c
      0 connect w1 *0
      0 connect w2 *0
      0 send w2 SELECT 0 | MSETNX s2 1-------------- s3 2-----------------------------------------------------------------------------------------------
      0 failover *0 "" 800
      10 send w2 SELECT 1 | KEYS ?
      10 cut e a both
    `,
  },
  {
    seed: 4272,
    found:
      'a connection of store.primary whose link was lost while a request was under way was left behind by a store that closed',
    schedule: `
      run seed=4272 heal=39581 split=false high-water=1048576 look=0
      node d observed=true max=60 repl-timeout=10 repl-ping-replica-period=3
      node e observed=false max=0 repl-timeout=10 repl-ping-replica-period=3
      0 follow e d
      24052 freeze d
      34072 forward e LMPOP 2 l3 l3 LEFT COUNT 2
      39580 close e
    `,
  },
  {
    seed: 5024,
    found:
      'of the checker: a replica that caught up between two looks and was behind at both was taken for one that lagged all the time',
    schedule: `
      run seed=5024 heal=339903 split=false high-water=1048576 look=0
      node a observed=true max=0 repl-timeout=10 repl-ping-replica-period=3 repl-backlog-size=16384
      node b observed=false max=0 repl-timeout=10 repl-ping-replica-period=3 repl-backlog-size=16384
      309210 follow a b
      317901 config *0 client-output-buffer-limit "replica 20000 0 0"
      329902 fill *0 0 bulk: 638 103
      338902 fill *0 0 bulk: 465 159
    `,
  },
  {
    seed: 5173,
    found:
      'of the checker: what a store could not force to the disk when it closed is nothing that the next one could know of',
    schedule: `
      run seed=5173 heal=290199 split=false high-water=1048576 look=0
      node a observed=true max=0 files=true appendonly=yes appendfsync=everysec save=
      142000 call a 0 RPUSH l0 1 2 3
      143243 call a 0 HINCRBY h0 count 259 | HINCRBYFLOAT h3 sum -7.5
      153599 disk-failing a sync
      153600 call a 0 RPUSH l0 1 2 3
      157622 close a
      175622 disk-mended a
      182601 start a
      190000 call a 0 RPUSH l0 1 2 3
      290193 crash a silent
    `,
  },
  {
    seed: 6890,
    found:
      'the SELECT behind a tail that was cut off was counted as bytes of the stream: after a second loss of power the place was one that never was',
    schedule: `
      run seed=6890 heal=87916 split=false high-water=1048576 look=0
      node a observed=true max=0 files=true repl-backlog-size=65536 repl-diskless-sync-delay=0 appendonly=yes appendfsync=everysec "save=20 10" auto-aof-rewrite-min-size=67108864 auto-aof-rewrite-percentage=30
      node b observed=false max=0 files=true repl-backlog-size=65536 repl-diskless-sync-delay=0 appendonly=yes appendfsync=no "save=2 1" auto-aof-rewrite-min-size=50000 auto-aof-rewrite-percentage=30
      node c observed=true max=0 repl-backlog-size=65536 repl-diskless-sync-delay=0
      node d observed=false max=0 repl-backlog-size=65536 repl-diskless-sync-delay=0
      node e observed=false max=0 repl-backlog-size=65536 repl-diskless-sync-delay=0
      0 follow b a
      0 follow c a
      0 follow d b
      0 follow e a
      10410 fill *0 0 bulk: 329 215
      12313 call *0 0 COPY bulk:60 b0 REPLACE | APPEND bulk:23 19--------------------- | SADD "ÿ\\u0000Ã" -3 "ð"
      40313 call *0 1 SET s2 24------------------- PX 6426 | XCLAIM x2 g c0 0 1-1 FORCE | HINCRBYFLOAT h3 sum -6.75
      56623 connect f1 *0
      64925 send f1 SELECT 0 | PFMERGE p1 p1 p3 | ZPOPMAX z0 8 | BITFIELD b0 INCRBY u8 1 6 SET i16 32 -259
      82617 call *0 0 VADD v2 VALUES 3 -21.875 -10.875 3.5 m13 | UNLINK v1 | LREM l1 0 v14
      85017 set *1 0 x0 31----------
      85017 call *1 0 SET s2 v14 EX 4 NX | LTRIM l0 0 40 | GETEX s2 PX 62143
      87535 crash b silent
      87540 restart *
      87575 outage b
    `,
  },
  {
    seed: 7006,
    found:
      'what a bound evicted after SWAPDB was deleted in the stream before it, in the keyspace that others had there then',
    schedule: `
      run seed=7006 heal=216457 split=false high-water=1048576 look=0
      node a observed=false max=60 files=true repl-backlog-size=4194304 repl-diskless-sync-delay=1 appendonly=yes appendfsync=everysec "save=20 10" auto-aof-rewrite-min-size=67108864 auto-aof-rewrite-percentage=30
      node b observed=true max=60 files=true repl-backlog-size=4194304 repl-diskless-sync-delay=1 appendonly=yes appendfsync=everysec "save=2 1" auto-aof-rewrite-min-size=5000 auto-aof-rewrite-percentage=100
      node c observed=false max=0 repl-backlog-size=4194304 repl-diskless-sync-delay=1
      node d observed=false max=0 files=true repl-backlog-size=4194304 repl-diskless-sync-delay=1 appendonly=yes appendfsync=everysec "save=2 1" auto-aof-rewrite-min-size=67108864 auto-aof-rewrite-percentage=30
      node e observed=false max=0 files=true repl-backlog-size=4194304 repl-diskless-sync-delay=1 appendonly=yes appendfsync=everysec "save=3600 1" auto-aof-rewrite-min-size=67108864 auto-aof-rewrite-percentage=100
      0 follow b a
      0 follow c a
      0 follow d a
      219 follow *0 e
      51335 fill *0 3 bulk: 800 200
      70937 close a
      70937 start a
      207455 call *0 0 SWAPDB 3 0 | HDEL h1 m14 m6 | GETDEL s3
    `,
  },
  {
    seed: 9333,
    found:
      'of the checker: a file that came back after more attempts to begin another one than it kept was taken for one that never was',
    schedule: `
      run seed=9333 heal=124077 split=false high-water=1048576 look=0
      node b observed=true max=0 files=true repl-backlog-size=1048576 repl-diskless-sync-delay=0 appendonly=no appendfsync=always save= auto-aof-rewrite-min-size=67108864 auto-aof-rewrite-percentage=100
      node c observed=false max=0 repl-backlog-size=1048576 repl-diskless-sync-delay=0
      node d observed=true max=0 files=true repl-backlog-size=1048576 repl-diskless-sync-delay=0 appendonly=yes appendfsync=always "save=3600 1" auto-aof-rewrite-min-size=50000 auto-aof-rewrite-percentage=30
      node e observed=false max=0 files=true repl-backlog-size=1048576 repl-diskless-sync-delay=0 appendonly=yes appendfsync=no save= auto-aof-rewrite-min-size=5000 auto-aof-rewrite-percentage=100
      26616 follow e *0
      26641 connect w1 *0
      56202 send w1 FAILOVER TO e 0
      104925 follow b d
      104925 follow c d
      111299 disk-failing *0 sync
      111299 call *0 0 SDIFFSTORE l0 e2 e3 | HINCRBY h1 count -437 | ZRANGESTORE z3 z3 0 5 | PERSIST b2
      121612 crash d
      121617 disk-crash d 5 power
      121617 restart *
    `,
  },
]
