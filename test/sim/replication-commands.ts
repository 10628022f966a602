// What replicas say to their primary, out of the bytes that they send: each request leaves them in one piece.

export function parsePsync(sent: string): { replid: string; wanted: number } | undefined {
  const found = /^\*3\r\n\$5\r\nPSYNC\r\n\$\d+\r\n(\S+)\r\n\$\d+\r\n(-?\d+)\r\n$/.exec(sent)
  return found === null ? undefined : { replid: found[1], wanted: Number(found[2]) }
}

/** The offset of a `REPLCONF ACK`. */
export function parseAck(sent: string): number | undefined {
  if (!sent.startsWith('*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n')) return undefined
  return Number(sent.split('\r\n')[6])
}
