// Who we say we are. Clients decide by the Redis version which commands and reply forms to expect, so INFO and HELLO name
// the Redis whose behaviour is followed here; our own version stands beside it.

export const HOTSPARE_VERSION = '0.1.0'
export const REDIS_VERSION = '7.0.15'
