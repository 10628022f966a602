// npx tsx examples/kubernetes/service.ts: what runs in each pod of hotspare.yaml. A service with a Store inside, which
// writes its role into a label of its own pod, so that Services, HAProxy and templates find the primary by a selector.
// It ends in peace: a primary that is told to stop hands its role over first, and loses nothing.
//
// The environment tells it where it is: see hotspare.yaml. Everything but the label would work outside of Kubernetes too.

import { readFileSync } from 'node:fs'
import { createServer, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Store } from 'hotspare'

const {
  POD_NAME = 'hotspare-0',
  POD_NAMESPACE = 'default',
  PRIMARY = 'redis://hotspare-primary:6379',
  PASSWORD,
  DATA = '/data',
  PORT = '6379',
  HEALTH_PORT = '8080',
  FIND_PRIMARY_MS = '10000',
  KUBERNETES_SERVICE_HOST = 'kubernetes.default.svc',
  KUBERNETES_SERVICE_PORT = '443',
  KUBERNETES_API = `https://${KUBERNETES_SERVICE_HOST}:${KUBERNETES_SERVICE_PORT}`,
  SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount',
} = process.env

const store = await Store.open({
  dir: DATA,
  log: console,
  config: {
    // A primary that was cut off takes no writes: half of what keeps two primaries from both being written to.
    'min-replicas-to-write': '1',
    'min-replicas-max-lag': '5',
    ...(PASSWORD === undefined ? {} : { masterauth: PASSWORD }),
  },
})

// The label. Only the last role counts, and it is written until the API server has taken it.

let wanted: 'primary' | 'replica' | undefined
let isWriting = false

async function writeLabel(role: 'primary' | 'replica'): Promise<void> {
  wanted = role
  if (isWriting) return
  isWriting = true
  for (let written: string | undefined; written !== wanted; ) {
    const next = wanted
    try {
      await patchPod({ metadata: { labels: { 'hotspare/role': next } } })
      written = next
      console.log(`this pod is labelled hotspare/role=${next}`)
    } catch (error) {
      console.warn(`the label is not written: ${(error as Error).message}`)
      await sleep(1000)
    }
  }
  isWriting = false
}

function patchPod(change: object): Promise<void> {
  const url = new URL(`/api/v1/namespaces/${POD_NAMESPACE}/pods/${POD_NAME}`, KUBERNETES_API)
  const isPlain = url.protocol === 'http:' // for tests: the real one is always https
  const ca = isPlain ? undefined : readFileSync(join(SERVICE_ACCOUNT, 'ca.crt'))
  // Read each time: it is renewed.
  const token = readFileSync(join(SERVICE_ACCOUNT, 'token'), 'utf8').trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' }
  return new Promise((resolve, reject) => {
    const request = (isPlain ? requestHttp : requestHttps)(url, { method: 'PATCH', headers, ca, timeout: 5000 })
    request.on('response', (response) => {
      response.resume()
      if (response.statusCode === 200) resolve()
      else reject(new Error(`the API server answered ${response.statusCode}`))
    })
    request.on('timeout', () => request.destroy(new Error('the API server does not answer')))
    request.on('error', reject)
    request.end(JSON.stringify(change))
  })
}

// Probes. Alive: this process answers. Ready: it has the data, and a primary if it is a replica.

const health = createServer((request, response) => {
  const isReady = store.role === 'primary' ? isSettled : store.status().link === 'connected'
  response.statusCode = request.url === '/live' || (request.url === '/ready' && isReady) ? 200 : 503
  response.end()
})
let isSettled = false

store.on('role', (role) => {
  if (isSettled || role === 'replica') void writeLabel(role)
})
await store.listen({ host: '0.0.0.0', port: Number(PORT), password: PASSWORD })
await new Promise<void>((resolve) => health.listen(Number(HEALTH_PORT), resolve))

// Whoever is the primary is behind one name. The first pod is it if nobody else is; the others wait until somebody is.
const following = store.replicaOf(PRIMARY, {
  signal: POD_NAME.endsWith('-0') ? AbortSignal.timeout(Number(FIND_PRIMARY_MS)) : undefined,
})
try {
  await following
} catch {
  console.log('nobody is the primary: this pod is')
  await store.promote()
}
isSettled = true
void writeLabel(store.role)

process.once('SIGTERM', () => void stop())

async function stop(): Promise<void> {
  if (store.role === 'primary' && store.status().replicas.length > 0) {
    // A replica takes over when it has everything. Without one, or in time, the role waits in the file.
    await store.failover({ timeoutMs: 10_000, signal: AbortSignal.timeout(15_000) }).catch((error: Error) => {
      console.warn(`nobody took over: ${error.message}`)
    })
  }
  await store.close()
  process.exit(0)
}
