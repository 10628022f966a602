// The examples about availability: HAProxy, Kubernetes, a live Redis that moves. Each runs to its end and finds that what it
// checks holds.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { assertAllRan, build, examplesIn, folder, root, run, type Started, start } from './examples.js'
import { missingHaproxy } from './haproxy.js'
import { freePort, missingPeer } from './peers.js'
import { suite, until } from './suite.js'

const test = suite('examples about availability')

const noHaproxy = missingHaproxy()
const noRedis = missingPeer('redis', '7.0.15')

test.before(build)

test('haproxy/failover.ts', { skip: noHaproxy, limitMs: 60_000 }, async () => {
  const output = await run('haproxy/failover.ts')
  assert.match(output, /the writer goes on: [1-9]\d+ confirmed/)
  assert.match(output, /every node has all of them/)
  assert.match(output, /Every step held\./)
})

test('migrate/migrate.ts', { skip: noRedis, limitMs: 60_000 }, async () => {
  const output = await run('migrate/migrate.ts')
  assert.is(output.match(/all are there, none twice/g)?.length, 2, output)
  assert.match(output, /Every step held\./)
})

/** The API server of Kubernetes, as far as a pod that labels itself needs one. Keeps the roles that pods told it, in order. */
async function fakeKubernetes(): Promise<{ server: Server; url: string; roles: Map<string, string[]> }> {
  const roles = new Map<string, string[]>()
  const take = async (request: IncomingMessage): Promise<number> => {
    let body = ''
    for await (const chunk of request) body += chunk
    const pod = /^\/api\/v1\/namespaces\/spares\/pods\/(.+)$/.exec(request.url ?? '')?.[1]
    if (request.method !== 'PATCH' || pod === undefined) return 404
    if (request.headers.authorization !== 'Bearer the-token') return 401
    if (request.headers['content-type'] !== 'application/merge-patch+json') return 415
    const role = JSON.parse(body).metadata.labels['hotspare/role']
    const known = roles.get(pod) ?? []
    roles.set(pod, known)
    if (known.length === 0) {
      known.push('(refused once)')
      return 500
    }
    known.push(role)
    return 200
  }
  const server = createServer((request, response) => {
    void take(request).then((code) => {
      response.statusCode = code
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, roles }
}

test('kubernetes/service.ts: pods are labelled with their roles, and a primary that stops hands over', async () => {
  const { server, url, roles } = await fakeKubernetes()
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'hotspare-pod-')))
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()]
  const pod = (index: number, primary: number): Started => {
    writeFileSync(join(folders[index], 'token'), 'the-token\n')
    return start('kubernetes/service.ts', [], {
      POD_NAME: `spare-${index}`,
      POD_NAMESPACE: 'spares',
      PRIMARY: `redis://127.0.0.1:${primary}`,
      PASSWORD: 'secret',
      DATA: folders[index],
      PORT: String(ports[index]),
      HEALTH_PORT: String(ports[index + 2]),
      FIND_PRIMARY_MS: '200',
      KUBERNETES_API: url,
      SERVICE_ACCOUNT: folders[index],
    })
  }
  const probe = async (index: number, path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${ports[index + 2]}${path}`)).status
  const isLabelled = (index: number, role: string): Promise<unknown> =>
    until(() => roles.get(`spare-${index}`)?.at(-1) === role, {
      what: `pod ${index} to be labelled ${role}: ${[...roles].join('; ')}`,
      timeoutMs: 20_000,
    })
  try {
    const first = pod(0, await freePort())
    await isLabelled(0, 'primary')
    assert.equal([await probe(0, '/live'), await probe(0, '/ready'), await probe(0, '/else')], [200, 200, 503])
    const second = pod(1, ports[0])
    await isLabelled(1, 'replica')
    await until(async () => (await probe(1, '/ready')) === 200, { what: 'the replica to be ready' })
    first.process.kill('SIGTERM')
    assert.is(await first.code, 0, first.output)
    await isLabelled(1, 'primary')
    assert.match(first.output, /role=primary[\s\S]*role=replica/)
    second.process.kill('SIGTERM')
    assert.is(await second.code, 0, second.output)
  } finally {
    server.close()
    for (const one of folders) rmSync(one, { recursive: true, force: true })
  }
})

test('kubernetes/hotspare.yaml is what the API of Kubernetes takes', async () => {
  const text = readFileSync(join(folder, 'kubernetes', 'hotspare.yaml'), 'utf8')
  const found = await problemsOf(text)
  assert.equal(found, [])
  // The check finds what is wrong: a type, a missing field, a field that there is not.
  for (const [from, to, expected] of [
    ['replicas: 3', 'replicas: three', /replicas must be integer/],
    ['  selector:\n    matchLabels: { app: hotspare }\n  template', '  template', /required property selector/],
    ['clusterIP: None', 'clusterip: None', /clusterip/],
    ['httpGet: { path: /live', 'httpGet: { route: /live', /route/],
  ] as const) {
    assert.ok(text.includes(from), from)
    assert.match((await problemsOf(text.replace(from, to))).join('\n'), expected)
  }
})

interface Manifest {
  apiVersion: string
  kind: string
}

/** What is wrong with manifests, by the schemas of Kubernetes' API, and by its types, which know every field there is. */
async function problemsOf(text: string): Promise<string[]> {
  const manifests = parseAllDocuments(text).map((document) => document.toJSON() as Manifest)
  const problems: string[] = []
  const typed: string[] = []
  for (const [i, manifest] of manifests.entries()) {
    const { apiVersion, kind } = manifest
    const models = await import(`kubernetes-models/${apiVersion}`)
    try {
      new models[kind](manifest).validate()
    } catch (error) {
      problems.push(`${kind}: ${(error as Error).message}`)
    }
    typed.push(`import { type I${kind} as T${i} } from 'kubernetes-models/${apiVersion}'`)
    typed.push(`export const m${i}: T${i} = ${JSON.stringify(manifest)}`)
  }
  return [...problems, ...typeErrors(typed.join('\n'))]
}

function typeErrors(source: string): string[] {
  const at = mkdtempSync(join(tmpdir(), 'hotspare-types-'))
  try {
    writeFileSync(join(at, 'check.ts'), source)
    writeFileSync(join(at, 'package.json'), '{"type":"module"}')
    symlinkSync(join(root, 'node_modules'), join(at, 'node_modules'))
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', '', 'check.ts']
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options], { cwd: at })
    return []
  } catch (error) {
    return [String((error as { stdout: Buffer }).stdout)]
  } finally {
    rmSync(at, { recursive: true, force: true })
  }
}

test('each of them is run here, and says how a person runs it', () => {
  const skipped = [noHaproxy && 'haproxy/failover.ts', noRedis && 'migrate/migrate.ts'].filter(
    (name) => name !== undefined,
  )
  assertAllRan(['haproxy', 'kubernetes', 'migrate'].flatMap(examplesIn), ['haproxy/node.ts'], skipped)
})

test.run()
