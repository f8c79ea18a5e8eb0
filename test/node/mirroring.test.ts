/** A whole node with --mirror: what it serves and refuses, and what it reports, counts and shows about that. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readFromNode, tellNode } from '../../src/cli/operator-client.js'
import { loadConfig } from '../../src/config/config.js'
import { createNode } from '../../src/node/node.js'
import type { MirrorStatusView } from '../../src/status/mirror-shapes.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { LyingLog } from '../fakes/lying-log.js'
import { temporaryHome } from '../helpers/home.js'
import { publish, startMirror } from '../helpers/mirror-node.js'
import { makeModule, ModuleFolder } from '../helpers/module-folder.js'
import { testSigner } from '../helpers/heart.js'

const PATH = 'example.com/mod'
const get = async (url: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(url)
  return { status: answer.status, text: await answer.text() }
}
const statusOf = async (home: string): Promise<MirrorStatusView> =>
  JSON.parse(fromUtf8(await readFromNode(home, '/api/v1/mirror'))!) as MirrorStatusView

describe('a node that is a mirror', () => {
  test('serves what its log has recorded, and the log itself', async () => {
    const { url, upstream, node, home } = await startMirror((folder) => [publish(folder, PATH, 'v1.0.0', 'package a')])
    const zip = await fetch(`${url}/${PATH}/@v/v1.0.0.zip`)
    expect([zip.status, zip.headers.get('etag')]).toEqual([200, expect.stringMatching(/^"h1:[^"]{44}"$/) as string])
    expect(Buffer.from(await zip.arrayBuffer()).equals(readFileSync(join(upstream, PATH, '@v/v1.0.0.zip')))).toBe(true)
    expect(await get(`${url}/${PATH}/@v/v1.0.0.mod`)).toEqual({ status: 200, text: `module ${PATH}\n` })
    expect(JSON.parse((await get(`${url}/${PATH}/@v/v1.0.0.info`)).text)).toMatchObject({ Version: 'v1.0.0' })
    expect(await get(`${url}/${PATH}/@v/list`)).toEqual({ status: 200, text: 'v1.0.0\n' })
    expect((await get(`${url}/sumdb/sum.example/mirrored/lookup/${PATH}@v1.0.0`)).status).toBe(200)
    await get(`${url}/${PATH}/@v/v1.0.0.zip`)
    const metrics = await get(`${node.http}/metrics`)
    expect(metrics.text).toMatch(/^gossum_mirror_served_total\{kind="zip",source="upstream"\} 1$/m)
    expect(metrics.text).toMatch(/^gossum_mirror_served_total\{kind="zip",source="kept"\} 1$/m)
    const { kept } = await statusOf(home)
    expect(kept.files).toBeGreaterThanOrEqual(2)
    expect(metrics.text).toContain(`\ngossum_mirror_bytes ${kept.bytes}\n`)
  })

  test('serves nothing that differs from the log, reports it once, and shows it to its operator alone', async () => {
    const started = await startMirror((folder) => {
      const record = publish(folder, PATH, 'v1.0.0', 'package a')
      publish(folder, PATH, 'v1.0.0', 'package evil')
      publish(folder, PATH, 'v1.1.0', 'package unknown')
      return [record]
    })
    const { url, events, home, node } = started
    for (let i = 0; i < 3; i++) {
      const { status, text } = await get(`${url}/${PATH}/@v/v1.0.0.zip`)
      expect([status, text]).toEqual([
        403,
        expect.stringMatching(/^gossum: .*other than what the log has recorded/) as string,
      ])
    }
    expect((await get(`${url}/${PATH}/@v/v1.1.0.zip`)).status).toBe(403)
    const told = events.filter((event) => event.event === 'mirror')
    expect(told.filter(({ version }) => version === 'v1.0.0')).toMatchObject([
      { path: PATH, kind: 'zip', class: 'repacked zip', expected: expect.stringMatching(/^h1:/) as string },
    ])
    const { refused } = await statusOf(home)
    expect(refused).toContainEqual(expect.objectContaining({ path: PATH, version: 'v1.0.0', kind: 'zip' }))
    const counted = /^gossum_mirror_refused_total.*$/gm.exec((await get(`${node.http}/metrics`)).text)
    expect(counted?.[0]).toBe('gossum_mirror_refused_total{class="repacked zip"} 1')
    for (const path of ['', '/allow?existing', '/pin?module=a.b/c@v1.0.0']) {
      const method = path === '' ? 'GET' : 'POST'
      expect((await fetch(`${node.http}/api/v1/mirror${path}`, { method })).status, path).toBe(404)
    }
  })

  test('lets only its operator lift the cooldown', async () => {
    const fill = (folder: string) => [
      publish(folder, PATH, 'v1.0.0', 'package a'),
      publish(folder, 'example.com/other', 'v1.0.0', 'package b'),
    ]
    const { url, home } = await startMirror(fill, { cooldown: '7d' })
    const file = `${url}/${PATH}/@v/v1.0.0.zip`
    const cooling = await get(file)
    expect([cooling.status, cooling.text]).toEqual([403, expect.stringMatching(/\d{4}-\d{2}-\d{2}/) as string])
    expect((await get(`${url}/${PATH}/@v/list`)).text).toBe('')
    await tellNode(home, `/api/v1/mirror/allow?module=${PATH}@v1.0.0`)
    expect((await get(file)).status).toBe(200)
    expect((await get(`${url}/example.com/other/@v/v1.0.0.zip`)).status).toBe(403)
    await tellNode(home, '/api/v1/mirror/allow?existing')
    expect((await get(`${url}/example.com/other/@v/v1.0.0.zip`)).status).toBe(200)
    expect(await statusOf(home)).toMatchObject({
      ...{ cooldown: 7 * 86_400, existingAllowed: true, allowed: [`${PATH}@v1.0.0`] },
    })
  })

  test('asks nobody about private modules, and serves what it kept when the upstream is gone', async () => {
    const modules = [PATH, 'corp.example/x'].map((path) => makeModule(path, 'v1.0.0', { 'a.go': 'package a\n' }))
    const folder = new ModuleFolder(temporaryHome())
    await folder.put(...modules)
    const upstream = await LyingLog.start(folder)
    const settings = { private: 'corp.example', mirror: [upstream.url] }
    const { url, log } = await startMirror(() => modules.map(({ record }) => record), settings)
    for (const path of ['@v/list', '@latest', '@v/v1.0.0.zip', '@v/v1.0.0.mod', '@v/v1.0.0.info'])
      expect((await get(`${url}/corp.example/x/${path}`)).status, path).toBe(404)
    expect([...upstream.requests, ...log.requests].filter((path) => path.includes('corp.example'))).toEqual([])
    const zip = `${url}/${PATH}/@v/v1.0.0.zip`
    expect((await get(zip)).status).toBe(200)
    expect(upstream.requests).toContain(`${PATH}/@v/v1.0.0.zip`)
    await upstream.close()
    expect((await get(zip)).status).toBe(200)
  })

  test('serves what it kept when the upstream file is damaged', async () => {
    const { url, upstream } = await startMirror((folder) => [publish(folder, PATH, 'v1.0.0', 'package a')])
    const zip = `${url}/${PATH}/@v/v1.0.0.zip`
    expect((await get(zip)).status).toBe(200)
    writeFileSync(join(upstream, PATH, '@v/v1.0.0.zip'), 'gone bad')
    expect((await get(zip)).status).toBe(200)
  })

  test('can be stopped, and started again with what it kept', async () => {
    const home = temporaryHome()
    const fill = (folder: string) => [publish(folder, PATH, 'v1.0.0', 'package a')]
    const { node, url } = await startMirror(fill, { home })
    expect((await get(`${url}/${PATH}/@v/v1.0.0.zip`)).status).toBe(200)
    await tellNode(home, `/api/v1/mirror/pin?module=${PATH}@v1.0.0`)
    await node.stop()
    const again = await startMirror(fill, { home })
    expect(await statusOf(home)).toMatchObject({ pinned: [`${PATH}@v1.0.0`], refused: [] })
    expect((await statusOf(home)).kept.files).toBeGreaterThan(0)
    await tellNode(home, `/api/v1/mirror/unpin?module=${PATH}@v1.0.0`)
    expect((await statusOf(home)).pinned).toEqual([])
    await again.node.stop()
  })
})

test('a node without a mirror tells its operator so', async () => {
  const fill = (folder: string) => [publish(folder, PATH, 'v1.0.0', 'package a')]
  const { home, url, events } = await startMirror(fill, { mirror: [] })
  await expect(readFromNode(home, '/api/v1/mirror')).rejects.toMatchObject({ code: 'MIRROR_OFF' })
  await expect(tellNode(home, '/api/v1/mirror/allow?existing')).rejects.toMatchObject({ code: 'MIRROR_OFF' })
  expect((await get(`${url}/${PATH}/@v/list`)).status).toBe(501)
  expect(events.filter(({ event }) => event === 'error')).toEqual([])
})

test.each([
  '',
  'module=',
  'module=example.com/mod',
  'module=example.com/mod@latest',
  'module=../../x@v1.0.0',
  'module=@v1.0.0',
])('nothing is pinned by "%s"', async (query) => {
  const { home } = await startMirror((folder) => [publish(folder, PATH, 'v1.0.0', 'package a')])
  for (const verb of ['pin', 'unpin', 'allow'])
    await expect(tellNode(home, `/api/v1/mirror/${verb}?${query}`), verb).rejects.toMatchObject({
      code: 'MODULE_INVALID',
    })
})

test.each<[string, string]>([
  ['has no address', '-'],
  ['is no checksum database', 'https://log.example log.example/other'],
])('a mirror whose log %s does not start', async (_, where) => {
  const log = [`${testSigner('log.example', 1).verifier.vkey} ${where}`]
  const config = loadConfig(
    { home: temporaryHome(), log, listen: [], http: '127.0.0.1:0', mirror: ['https://proxy.example'] },
    { env: {} },
  )
  await expect(createNode(config)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    detail: expect.stringContaining('mirror: ') as string,
  })
})
