/** The mirror's answers about versions: those of upstreams, without what the log does not have and what is too new. */
import { describe, expect, it } from 'vitest'
import { GossumError } from '../../src/errors.js'
import type { MirrorParts } from '../../src/mirror/mirror-parts.js'
import { asking, bytesOf, FakeUpstream, HOUR, M, madeModule, NOW, startMirror, textOf } from './mirroring.js'

const BASE = 'example.com/!mod'
const INFO = `${BASE}/@v/v1.0.0.info`
const WEEK = 7 * 24 * HOUR
const COOLDOWN = { ms: WEEK, except: '' }

/**
 * A mirror of an upstream that has these versions of M; the log covered each this many hours ago, or not at all if
 * null.
 */
async function withVersions(ages: Readonly<Record<string, number | null>>, settings: Partial<MirrorParts> = {}) {
  const upstream = await FakeUpstream.start()
  const mirroring = await startMirror([upstream], settings)
  for (const [version, age] of Object.entries(ages)) {
    const made = madeModule({ path: M.path, version })
    upstream.serve(made)
    mirroring.log.record(made, age === null ? null : NOW - age * HOUR)
  }
  const list = Object.keys(ages)
  upstream.files.set(`${BASE}/@v/list`, list.map((version) => `${version}\n`).join(''))
  const listed = async (): Promise<string[]> =>
    textOf(await mirroring.mirror.list(M.path, asking()))
      .split('\n')
      .slice(0, -1)
  return { upstream, listed, ...mirroring }
}

describe('.info', () => {
  it('is rewritten without unverifiable fields, and kept', async () => {
    const { mirror, upstream } = await withVersions({ 'v1.0.0': 0 })
    const body = '{"Version":"v1.0.0","Time":"2026-01-02T03:04:05Z"}'
    expect(textOf(await mirror.info(M.path, 'v1.0.0', asking()))).toBe(body)
    upstream.files.set(INFO, '{"Version":"v1.0.0","Time":"1999-01-02T03:04:05Z"}')
    expect(textOf(await mirror.info(M.path, 'v1.0.0', asking()))).toBe(body)
    expect(upstream.asked).toEqual([INFO])
  })

  it.each([
    ['invalid JSON', 'v1.0.0'],
    ['something other than an object', '["v1.0.0"]'],
    ['no version', '{"Time":"2026-01-02T03:04:05Z"}'],
    ['another version', '{"Version":"v1.0.1"}'],
    ['a version that is not canonical', '{"Version":"v1.0"}'],
    ['a version with extra text', '{"Version":"v1.0.0\\n\\nv1.0.1"}'],
    ['an invalid time', '{"Version":"v1.0.0","Time":"yesterday"}'],
    ['an invalid date', '{"Version":"v1.0.0","Time":"2026-13-02T03:04:05Z"}'],
    ['too much text', `{"Version":"v1.0.0","x":"${'x'.repeat(70_000)}"}`],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe)],
  ])('with %s is refused', async (_what, info) => {
    const { mirror, upstream } = await withVersions({ 'v1.0.0': 0 })
    upstream.files.set(INFO, info)
    await expect(mirror.info(M.path, 'v1.0.0', asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
  })

  it('of a branch names a version that is checked against the log', async () => {
    const { mirror, upstream, refusals } = await withVersions({ 'v1.0.0': 0 })
    upstream.files.set(`${BASE}/@v/main.info`, '{"Version":"v1.0.0"}')
    expect(textOf(await mirror.info(M.path, 'main', asking()))).toBe('{"Version":"v1.0.0"}')
    const unknown = 'v1.0.1-0.20260101000000-abcdefabcdef'
    upstream.files.set(`${BASE}/@v/main.info`, `{"Version":"${unknown}"}`)
    upstream.files.set(`${BASE}/@v/${unknown}.mod`, 'module example.com/Mod\n')
    await expect(mirror.info(M.path, 'main', asking())).rejects.toMatchObject({ code: 'MODULE_UNRECORDED' })
    expect(refusals).toMatchObject([{ version: unknown, class: 'mirror only', upstream: upstream.url }])
  })

  it('of a cooling version is refused with the time of its release', async () => {
    const { mirror } = await withVersions({ 'v1.0.0': 1 }, { cooldown: COOLDOWN })
    const refused = { code: 'MODULE_COOLING', detail: expect.stringContaining('2026-06-07T23:00:00.000Z') as string }
    await expect(mirror.info(M.path, 'v1.0.0', asking())).rejects.toMatchObject(refused)
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject(refused)
    await expect(mirror.file(M, 'mod', asking())).rejects.toMatchObject(refused)
  })
})

describe('@latest', () => {
  it('is the answer of the upstream, or its last one if it is down', async () => {
    const { mirror, upstream, again } = await withVersions({ 'v1.0.0': 0, 'v1.1.0': 0 })
    upstream.files.set(`${BASE}/@latest`, '{"Version":"v1.0.0"}')
    await mirror.latest(M.path, asking())
    upstream.files.set(`${BASE}/@latest`, '{"Version":"v1.1.0"}')
    expect(textOf(await mirror.latest(M.path, asking()))).toBe('{"Version":"v1.1.0"}')
    await upstream.stop()
    expect(textOf(await (await again()).latest(M.path, asking()))).toBe('{"Version":"v1.1.0"}')
  })

  it('is not the last answer if the upstream says that there is none', async () => {
    const { mirror, upstream } = await withVersions({ 'v1.0.0': 0 })
    upstream.files.set(`${BASE}/@latest`, '{"Version":"v1.0.0"}')
    await mirror.latest(M.path, asking())
    upstream.files.delete(`${BASE}/@latest`)
    await expect(mirror.latest(M.path, asking())).rejects.toMatchObject({ code: 'MODULE_ABSENT' })
  })

  it('is refused while it is cooling', async () => {
    const { mirror, upstream } = await withVersions({ 'v1.0.0': 1 }, { cooldown: COOLDOWN })
    upstream.files.set(`${BASE}/@latest`, '{"Version":"v1.0.0"}')
    await expect(mirror.latest(M.path, asking())).rejects.toMatchObject({ code: 'MODULE_COOLING' })
  })
})

describe('the list of versions', () => {
  it('has sorted unique canonical versions, whatever the upstream returns', async () => {
    const { upstream, listed } = await withVersions({})
    const said = ['v1.10.0', 'v1.2.0 2026-01-01', 'v1.2.0', '', 'latest', 'v1', '../../x', 'v1.2.0-rc.1', '<script>']
    upstream.files.set(`${BASE}/@v/list`, said.join('\r\n'))
    expect(await listed()).toEqual(['v1.2.0-rc.1', 'v1.2.0', 'v1.10.0'])
  })

  it('is empty if the upstream has no versions, also when it does not answer later', async () => {
    const { mirror, upstream, listed, again } = await withVersions({ 'v1.0.0': 0 })
    expect(await listed()).toEqual(['v1.0.0'])
    upstream.files.set(`${BASE}/@v/list`, '')
    expect(textOf(await mirror.list(M.path, asking()))).toBe('')
    await upstream.stop()
    expect(textOf(await (await again()).list(M.path, asking()))).toBe('')
  })

  it('is the last one if no upstream answers, and an error without a last one', async () => {
    const { mirror, upstream, again } = await withVersions({ 'v1.0.0': 0 })
    await mirror.list(M.path, asking())
    await upstream.stop()
    const reopened = await again()
    expect(textOf(await reopened.list(M.path, asking()))).toBe('v1.0.0\n')
    await expect(reopened.list('example.com/other', asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
  })

  it('that is too long is refused', async () => {
    const { mirror, upstream } = await withVersions({})
    upstream.files.set(`${BASE}/@v/list`, 'v1.0.0\n'.repeat(1024 * 1024))
    await expect(mirror.list(M.path, asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
    const many = Array.from({ length: 50_001 }, (_, i) => `v1.0.${i}\n`).join('')
    upstream.files.set(`${BASE}/@v/list`, many)
    await expect(mirror.list(M.path, asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
  })

  it('omits versions that are cooling, not in the log, or of unknown age', async () => {
    const ages = { 'v1.0.0': 200, 'v1.1.0': 168, 'v1.2.0': 167, 'v1.3.0': null }
    const { upstream, log, listed } = await withVersions(ages, { cooldown: COOLDOWN })
    upstream.files.set(`${BASE}/@v/list`, 'v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0\nv1.4.0\n')
    expect(await listed()).toEqual(['v1.0.0', 'v1.1.0'])
    // A version that is old enough is not looked up again.
    log.asked.length = 0
    await listed()
    expect(log.asked.sort()).toEqual(['v1.2.0', 'v1.3.0', 'v1.4.0'].map((version) => `${M.path}@${version}`))
  })

  it('needs no lookup for versions that the audit knows', async () => {
    const { log, listed } = await withVersions({ 'v1.0.0': 200, 'v1.1.0': 1 }, { cooldown: COOLDOWN })
    log.audited = new Map([
      [
        M.path,
        [
          { version: 'v1.0.0', id: 0 },
          { version: 'v1.1.0', id: 1 },
        ],
      ],
    ])
    expect(await listed()).toEqual(['v1.0.0'])
    expect(log.asked).toEqual([])
  })

  it('is an error, not empty, if no version could be judged', async () => {
    const { mirror, log } = await withVersions({ 'v1.0.0': 200 }, { cooldown: COOLDOWN })
    log.trouble = new GossumError('LOG_FROZEN', 'evidence')
    await expect(mirror.list(M.path, asking())).rejects.toMatchObject({ code: 'LOG_FROZEN' })
  })

  it('is checked for hidden versions, except those that no list has', async () => {
    const { mirror, log, upstream, listed } = await withVersions({ 'v1.0.0': 0 })
    const hidden = Array.from({ length: 30 }, (_, i) => `v1.${i + 1}.0`)
    const unlisted = ['v1.0.1-0.20260101000000-abcdefabcdef', 'v2.0.0+incompatible', 'v1.0.0']
    log.audited = new Map([[M.path, [...hidden, ...unlisted].map((version, id) => ({ version, id }))]])
    await listed()
    const status = await mirror.status()
    expect(status.hidden).toEqual([{ path: M.path, versions: hidden.reverse().slice(0, 20), count: 30 }])
    upstream.files.set(`${BASE}/@v/list`, [...hidden, 'v1.0.0'].join('\n'))
    await listed()
    expect((await mirror.status()).hidden).toEqual([])
  })
})

describe('what the operator exempts from the cooldown', () => {
  it('is one version, at once and after a restart', async () => {
    const { mirror, listed, again } = await withVersions({ 'v1.0.0': 1, 'v1.1.0': 1 }, { cooldown: COOLDOWN })
    expect(await listed()).toEqual([])
    await mirror.allow(M)
    expect(await listed()).toEqual(['v1.0.0'])
    bytesOf(await mirror.file(M, 'zip', asking()))
    expect(await mirror.status()).toMatchObject({ allowed: ['example.com/Mod@v1.0.0'], cooldownMs: WEEK })
    const reopened = await again()
    expect(textOf(await reopened.list(M.path, asking()))).toBe('v1.0.0\n')
    const other = { path: M.path, version: 'v1.1.0' }
    await expect(reopened.file(other, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_COOLING' })
  })

  it('is everything before the first quorum head, and nothing after it', async () => {
    const { mirror, log, listed } = await withVersions({ 'v1.0.0': null, 'v1.1.0': 1 }, { cooldown: COOLDOWN })
    await expect(mirror.allow('existing')).rejects.toMatchObject({ code: 'QUORUM_MISSING' })
    log.times.set(0, { time: NOW - HOUR, isExact: false })
    expect(await listed()).toEqual([])
    await mirror.allow('existing')
    expect(await listed()).toEqual(['v1.0.0'])
    expect(await mirror.status()).toMatchObject({ isExistingAllowed: true })
    // A node that lost its data starts again, and considers more versions as existing than it did.
    log.times.set(1, { time: NOW, isExact: false })
    expect(await listed()).toEqual(['v1.0.0'])
  })

  it('is everything that matches the patterns, and nothing else', async () => {
    const cooldown = { ms: WEEK, except: 'example.com' }
    const { mirror, upstream, listed, log } = await withVersions({ 'v1.0.0': 1 }, { cooldown })
    expect(await listed()).toEqual(['v1.0.0'])
    expect(log.asked).toEqual([])
    const other = madeModule({ path: 'example.com.other/m', version: 'v1.0.0' })
    upstream.serve(other)
    log.record(other, NOW - HOUR)
    upstream.files.set(`${other.path}/@v/list`, 'v1.0.0\n')
    expect(textOf(await mirror.list(other.path, asking()))).toBe('')
    await expect(mirror.file(other, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_COOLING' })
  })
})

describe('pins', () => {
  it('keep the files of a version despite any new files, also after a restart', async () => {
    const versions = Array.from({ length: 6 }, (_, i) => [`v1.${i}.0`, 0] as const)
    const { mirror, upstream, again } = await withVersions(Object.fromEntries(versions), { maxBytes: 4 * 4096 })
    const first = { path: M.path, version: 'v1.0.0' }
    await mirror.pin(first)
    for (const kind of ['zip', 'mod'] as const) bytesOf(await mirror.file(first, kind, asking()))
    await mirror.info(first.path, first.version, asking())
    const reopened = await again()
    for (const [version] of versions.slice(1)) bytesOf(await reopened.file({ ...first, version }, 'zip', asking()))
    expect(await reopened.status()).toMatchObject({ kept: { files: 4 }, pinned: ['example.com/Mod@v1.0.0'] })
    await upstream.stop()
    for (const kind of ['zip', 'mod'] as const) bytesOf(await reopened.file(first, kind, asking()))
    await reopened.info(first.path, first.version, asking())
    await reopened.unpin(first)
    expect(await reopened.status()).toMatchObject({ pinned: [] })
  })

  it('are refused for versions that are not in the log', async () => {
    const { mirror } = await withVersions({})
    await expect(mirror.pin(M)).rejects.toMatchObject({ code: 'MODULE_ABSENT' })
    await expect(mirror.pin({ path: 'a b', version: 'v1.0.0' })).rejects.toMatchObject({ code: 'MODULE_INVALID' })
    expect(await mirror.status()).toMatchObject({ pinned: [] })
  })
})
