// A Link carries bytes between two ends, in order, and knows nothing of what they mean. A Transport is a place that one
// can listen at and connect to. Whoever writes a transport of their own implements these two and nothing else.

/** What the owner of a link is told. No call comes before `open` on the link was called, and none after `closed`. */
export interface LinkHandlers {
  /** The connection stands. Not called for links that were accepted: those stand already. */
  opened?(): void
  /** Bytes came in. The chunk belongs to the receiver: nobody changes it afterwards. */
  data(chunk: Buffer): void
  /** After `send` returned false: there is room again. */
  drain(): void
  /** The link is gone: the other end closed it, we did, or it failed (then with the error). Called exactly once. */
  closed(error?: Error): void
}

export interface Link {
  /** The other end as a person would name it: `127.0.0.1:50112`, `/run/spare.sock`, a node's name. */
  readonly remote: string
  /** Our end, likewise. */
  readonly local: string
  /** False for links that cannot come from another machine (Unix sockets, threads) and for loopback addresses. */
  readonly fromOutside: boolean
  /** Bytes taken by `send` that have not left this process yet. */
  readonly pendingBytes: number
  /** Names the owner; bytes flow from now on. Called once. */
  open(handlers: LinkHandlers): void
  /**
   * Takes bytes to send; a string stands for one byte a character (code units 0 to 255). The bytes must not be changed
   * afterwards. Returns false when more than the transport's high-water mark waits to leave; `drain` says when it is
   * gone. The bytes were taken all the same. After the link was closed it does nothing.
   */
  send(data: Uint8Array | string): boolean
  /** Stops and resumes `data`. What has arrived is kept; the transport stops reading. */
  pause(): void
  resume(): void
  /** Sends what was taken, then closes. */
  end(): void
  /** Closes at once; what waits to leave is dropped. */
  destroy(error?: Error): void
}

/** A place where links are accepted. */
export interface Listening {
  /** As a person would name it: `127.0.0.1:6379`, `/run/spare.sock`, a node's name. */
  readonly address: string
  /** The TCP port, where there is one. */
  readonly port?: number
  /** Accepts no more, and frees the address. Links that stand are left alone. */
  close(): Promise<void>
}

export interface Transport {
  /** As a person would name it. Holds no secret. */
  readonly address: string
  /** Host and port as INFO and ROLE show them; port 0 where there is none. */
  readonly host: string
  readonly port: number
  listen(accept: (link: Link) => void): Promise<Listening>
  /**
   * Starts to connect. The link comes back at once; `opened` or `closed` tell how it went. What `send` takes before
   * `opened` is sent after it. `from` names the connecting node, for networks that know their nodes by name.
   */
  connect(from?: string): Link
}
