/** Files leave the mirror if their hash is in a record, and only then. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Admission } from '../../src/proxy/admission.js'
import { GossumError } from '../../src/errors.js'
import { baseOf } from '../../src/module/module-proxy.js'
import { smallDisk, temporaryHome } from '../helpers/home.js'
import {
  asking,
  bytesOf,
  FakeUpstream,
  M,
  madeModule,
  NOW,
  startMirror,
  textOf,
  zipOf,
  type MadeModule,
} from './mirroring.js'

const made = madeModule()
const BASE = baseOf(M)
const GO_MOD = { name: 'go.mod', data: made.goMod }
const SOURCE = { name: 'mod.go', data: 'package mod\n' }

/** The names of all files that the mirror keeps. */
function keptIn(dir: string): string[] {
  return readdirSync(join(dir, 'files'), { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.'))
}

async function withUpstream(module: MadeModule = made) {
  const upstream = await FakeUpstream.start()
  upstream.serve(module)
  const mirroring = await startMirror([upstream])
  mirroring.log.record(module)
  return { upstream, ...mirroring }
}

describe('a recorded file', () => {
  it('comes from the upstream once, and then from disk', async () => {
    const { mirror, upstream, served } = await withUpstream()
    for (let i = 0; i < 2; i++) {
      const zip = await mirror.file(M, 'zip', asking())
      expect(zip).toMatchObject({ size: made.zip.length, hash: made.hashes.zip })
      expect(bytesOf(zip)).toEqual(Buffer.from(made.zip))
      expect(textOf(bytesOf(await mirror.file(M, 'mod', asking())))).toBe(made.goMod)
    }
    expect(upstream.asked).toEqual([`${BASE}.zip`, `${BASE}.mod`])
    expect(served).toEqual(['zip upstream', 'mod upstream', 'zip kept', 'mod kept'])
  })

  it('is available without the upstream, and after a restart', async () => {
    const { mirror, upstream, again } = await withUpstream()
    for (const kind of ['zip', 'mod'] as const) bytesOf(await mirror.file(M, kind, asking()))
    await mirror.info(M.path, M.version, asking())
    await upstream.stop()
    const reopened = await again()
    expect(bytesOf(await reopened.file(M, 'zip', asking()))).toEqual(Buffer.from(made.zip))
    expect(textOf(bytesOf(await reopened.file(M, 'mod', asking())))).toBe(made.goMod)
    expect(JSON.parse(textOf(await reopened.info(M.path, M.version, asking())))).toMatchObject({ Version: M.version })
  })

  it('may be in a zip with another order, times or compression', async () => {
    const { mirror, upstream } = await withUpstream()
    const repacked = zipOf(M, [{ ...SOURCE, time: 0x5a21 }, GO_MOD])
    expect(repacked).not.toEqual(made.zip)
    upstream.files.set(`${BASE}.zip`, repacked)
    expect(bytesOf(await mirror.file(M, 'zip', asking()))).toEqual(Buffer.from(repacked))
  })

  it('is fetched once for simultaneous clients', async () => {
    const { mirror, upstream } = await withUpstream()
    const files = await Promise.all(Array.from({ length: 20 }, () => mirror.file(M, 'zip', asking())))
    for (const file of files) expect(bytesOf(file)).toEqual(Buffer.from(made.zip))
    expect(upstream.asked).toEqual([`${BASE}.zip`])
  })

  it('may come from a local folder, and is stored separately', async () => {
    const root = temporaryHome()
    const file = join(root, `${BASE}.zip`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, made.zip)
    const { mirror, log } = await startMirror([pathToFileURL(root).href])
    log.record(made)
    bytesOf(await mirror.file(M, 'zip', asking()))
    writeFileSync(file, 'something else')
    expect(bytesOf(await mirror.file(M, 'zip', asking()))).toEqual(Buffer.from(made.zip))
  })

  it('is requested from the next upstream if one lacks it, fails, or returns another file', async () => {
    for (const answer of [404, 410, 500, 403, 'no zip']) {
      const [first, second] = [await FakeUpstream.start(), await FakeUpstream.start()]
      first.files.set(`${BASE}.zip`, answer)
      second.serve(made)
      const { mirror, log, refusals } = await startMirror([first, second])
      log.record(made)
      expect(bytesOf(await mirror.file(M, 'zip', asking())), String(answer)).toEqual(Buffer.from(made.zip))
      // The upstream that served the wrong one is named all the same.
      expect(refusals.map(({ upstream }) => upstream)).toEqual(answer === 'no zip' ? [first.url] : [])
    }
  })
})

describe('what the log has not recorded is refused, reported and not kept', () => {
  it.each<[string, Uint8Array | string, string, boolean]>([
    [
      'an additional file',
      zipOf(M, [GO_MOD, SOURCE, { name: 'evil.go', data: 'package mod\n' }]),
      'MODULE_MISMATCH',
      true,
    ],
    ['a missing file', zipOf(M, [GO_MOD]), 'MODULE_MISMATCH', true],
    ['a changed file', zipOf(M, [GO_MOD, { name: 'mod.go', data: 'package evil\n' }]), 'MODULE_MISMATCH', true],
    ['a name with ..', zipOf(M, [GO_MOD, SOURCE, { name: '../../evil.go', data: 'x' }]), 'MODULE_MISMATCH', true],
    ['another module', zipOf({ ...M, version: 'v1.0.1' }, [GO_MOD, SOURCE]), 'MODULE_MISMATCH', true],
    [
      'a file that declares less than it holds',
      zipOf(M, [GO_MOD, { name: 'mod.go', data: 'x'.repeat(1e6), isDeflated: true, size: 10 }]),
      'MODULE_ZIP_INVALID',
      false,
    ],
    [
      'files larger than any module',
      zipOf(
        M,
        Array.from({ length: 6 }, (_, i) => ({ name: `${i}.go`, data: 'x', size: 100 * 1024 * 1024 })),
      ),
      'MODULE_ZIP_INVALID',
      false,
    ],
    ['no zip', 'not found, says a page with status 200', 'MODULE_ZIP_INVALID', false],
    ['half a zip', made.zip.subarray(0, made.zip.length >> 1), 'MODULE_ZIP_INVALID', false],
  ])('a zip with %s', async (_what, zip, code, hasHash) => {
    const { mirror, upstream, refusals, dir } = await withUpstream()
    upstream.files.set(`${BASE}.zip`, zip)
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code })
    const { got, reason, ...rest } = refusals[0]!
    expect(rest).toEqual({
      ...M,
      kind: 'zip',
      class: 'repacked zip',
      upstream: upstream.url,
      expected: made.hashes.zip,
    })
    expect(reason).toContain(upstream.url)
    expect(got === null ? null : /^h1:.{44}$/.test(got)).toBe(hasHash ? true : null)
    expect(refusals).toHaveLength(1)
    expect(keptIn(dir)).toEqual([])
    expect(readdirSync(join(dir, 'scratch'))).toEqual([])
  })

  it('another go.mod', async () => {
    const { mirror, upstream, refusals, dir } = await withUpstream()
    upstream.files.set(`${BASE}.mod`, `${made.goMod}require example.com/evil v1.0.0\n`)
    await expect(mirror.file(M, 'mod', asking())).rejects.toMatchObject({ code: 'MODULE_MISMATCH' })
    expect(refusals).toMatchObject([{ kind: 'mod', class: 'repacked zip', expected: made.hashes.mod }])
    expect(keptIn(dir)).toEqual([])
  })

  it('and is not downloaded again for a retry', async () => {
    const { mirror, upstream } = await withUpstream()
    upstream.files.set(`${BASE}.zip`, 'no zip')
    for (let i = 0; i < 5; i++) await expect(mirror.file(M, 'zip', asking())).rejects.toThrow(GossumError)
    expect(upstream.asked).toEqual([`${BASE}.zip`])
  })

  it('a version without a record', async () => {
    const upstream = await FakeUpstream.start()
    upstream.serve(made)
    const { mirror, refusals, dir } = await startMirror([upstream])
    for (const kind of ['zip', 'mod'] as const)
      await expect(mirror.file(M, kind, asking())).rejects.toMatchObject({ code: 'MODULE_UNRECORDED' })
    await expect(mirror.info(M.path, M.version, asking())).rejects.toMatchObject({ code: 'MODULE_UNRECORDED' })
    expect(refusals).toMatchObject([{ class: 'mirror only', upstream: upstream.url, expected: null }])
    expect(keptIn(dir)).toEqual([])
  })

  it('a zip of which the log has only the go.mod', async () => {
    const { mirror, log, upstream } = await withUpstream()
    log.records.set(`${M.path}@${M.version}`, { id: 0, lines: made.lines.slice(1) })
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_UNRECORDED' })
    expect(upstream.asked).toEqual([])
    bytesOf(await mirror.file(M, 'mod', asking()))
  })

  it('a zip of which the log has two hashes', async () => {
    const { mirror, log } = await withUpstream()
    const other = `${M.path} ${M.version} ${made.hashes.mod}`
    log.records.set(`${M.path}@${M.version}`, { id: 0, lines: [...made.lines, other] })
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_UNRECORDED' })
  })

  it('a recorded zip that the go command would refuse', async () => {
    const odd = madeModule(M, { 'MOD.go': 'package mod\n', 'mod.go': 'package mod\n' })
    const { mirror, dir } = await withUpstream(odd)
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_ZIP_INVALID' })
    expect(keptIn(dir)).toEqual([])
  })

  it('a file that no upstream has is absent, but without an answer it is a failure', async () => {
    const [first, second] = [await FakeUpstream.start(), await FakeUpstream.start()]
    const { mirror, log } = await startMirror([first, second])
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_ABSENT' })
    log.record(made)
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'MODULE_ABSENT' })
    await first.stop()
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
    const { upstreams } = await mirror.status()
    expect(upstreams).toMatchObject([
      { url: first.url, failingSince: NOW },
      { url: second.url, failingSince: null },
    ])
  })

  it('no upstream is asked without a record from the log', async () => {
    const { mirror, log, upstream } = await withUpstream()
    log.trouble = new GossumError('LOG_FROZEN', 'evidence')
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'LOG_FROZEN' })
    log.trouble = new GossumError('LOG_UNREACHABLE')
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'LOG_UNREACHABLE' })
    expect(upstream.asked).toEqual([])
  })
})

describe('private modules', () => {
  it('are requested nowhere, under any name', async () => {
    const upstream = await FakeUpstream.start()
    const { mirror, log } = await startMirror([upstream], { privatePatterns: 'corp.example,*.internal' })
    for (const path of ['corp.example/secret', 'corp.example', 'git.internal/a/b']) {
      const private_ = { code: 'MODULE_PRIVATE' }
      await expect(mirror.file({ path, version: 'v1.0.0' }, 'zip', asking())).rejects.toMatchObject(private_)
      await expect(mirror.file({ path, version: 'v1.0.0' }, 'mod', asking())).rejects.toMatchObject(private_)
      await expect(mirror.info(path, 'v1.0.0', asking())).rejects.toMatchObject(private_)
      await expect(mirror.info(path, 'main', asking())).rejects.toMatchObject(private_)
      await expect(mirror.latest(path, asking())).rejects.toMatchObject(private_)
      await expect(mirror.list(path, asking())).rejects.toMatchObject(private_)
      await expect(mirror.pin({ path, version: 'v1.0.0' })).rejects.toMatchObject(private_)
    }
    expect(upstream.asked).toEqual([])
    expect(log.asked).toEqual([])
  })
})

describe('a client request', () => {
  it.each([
    ['../../etc', 'v1.0.0'],
    ['example.com//evil', 'v1.0.0'],
    ['example.com/a?b', 'v1.0.0'],
    ['example.com/a#b', 'v1.0.0'],
    ['example.com/%2e%2e', 'v1.0.0'],
    ['http://evil.example', 'v1.0.0'],
    ['example.com/a', 'v1.0.0/../../../evil'],
    ['example.com/a', 'v1.0.0?x=1'],
    ['example.com/a', '..'],
  ])('for %s@%s is sent nowhere', async (path, version) => {
    const upstream = await FakeUpstream.start()
    const { mirror, log } = await startMirror([upstream])
    const invalid = { code: 'MODULE_INVALID' }
    await expect(mirror.file({ path, version }, 'zip', asking())).rejects.toMatchObject(invalid)
    await expect(mirror.info(path, version, asking())).rejects.toMatchObject(invalid)
    if (path !== 'example.com/a') await expect(mirror.list(path, asking())).rejects.toMatchObject(invalid)
    expect(upstream.asked).toEqual([])
    expect(log.asked).toEqual([])
  })

  it('counts against the budget of its client, unless the file is kept', async () => {
    const { TokenBuckets } = await import('../../src/lib/token-buckets.js')
    const upstream = await FakeUpstream.start()
    upstream.serve(made)
    const admission = new Admission(() => 0, { budget: new TokenBuckets(1, 0) })
    const { mirror, log } = await startMirror([upstream], { admission })
    log.record(made)
    const client = { client: '203.0.113.7', signal: new AbortController().signal }
    for (let i = 0; i < 3; i++) bytesOf(await mirror.file(M, 'zip', client))
    await expect(mirror.file(M, 'mod', client)).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' })
  })
})

describe('a misbehaving upstream', () => {
  it('that sends an endless answer is cut off', async () => {
    const { mirror, upstream, dir } = await withUpstream()
    let sent = 0
    const closed = new Promise<void>((resolve) => {
      upstream.files.set(`${BASE}.mod`, (response) => {
        const piece = Buffer.alloc(1024 * 1024)
        const more = (): void => {
          while (sent < 2 ** 30 && response.write(piece)) sent += piece.length
        }
        response.on('drain', more).on('close', resolve)
        more()
      })
    })
    await expect(mirror.file(M, 'mod', asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
    await closed
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    expect(keptIn(dir)).toEqual([])
  })

  it('that sends a truncated answer has it rejected', async () => {
    const { mirror, upstream, dir } = await withUpstream()
    upstream.files.set(`${BASE}.zip`, (response) => {
      response.writeHead(200, { 'content-length': made.zip.length })
      response.write(made.zip.subarray(0, 100), () => response.destroy())
    })
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'PROXY_FAILED' })
    expect(keptIn(dir)).toEqual([])
    expect(readdirSync(join(dir, 'scratch'))).toEqual([])
  })

  it('that stalls is abandoned when the client disconnects', async () => {
    const { mirror, upstream, dir } = await withUpstream()
    const controller = new AbortController()
    const closed = new Promise<void>((resolve) => {
      upstream.files.set(`${BASE}.zip`, (response) => {
        response.on('close', resolve)
        response.write(made.zip.subarray(0, 100), () => controller.abort(new Error('gone')))
      })
    })
    const client = { client: '203.0.113.7', signal: controller.signal }
    await expect(mirror.file(M, 'zip', client)).rejects.toThrow('gone')
    await closed
    expect(keptIn(dir)).toEqual([])
  })
})

describe('the disk', () => {
  const disk = () => smallDisk(256)

  it.skipIf(process.getuid?.() !== 0)('that is full keeps nothing new, and still serves what it has', async () => {
    const small = disk()
    if (small === undefined) return
    const upstream = await FakeUpstream.start()
    const large = madeModule({ ...M, version: 'v2.0.0+incompatible' }, { 'a.go': noise(400_000) })
    upstream.serve(made)
    upstream.serve(large)
    const { mirror, log } = await startMirror([upstream], { dir: join(small.path, 'mirror') })
    log.record(made)
    log.record(large)
    bytesOf(await mirror.file(M, 'zip', asking()))
    await expect(mirror.file(large, 'zip', asking())).rejects.toMatchObject({ code: 'MIRROR_FULL' })
    expect(readdirSync(join(small.path, 'mirror', 'scratch'))).toEqual([])
    small.fill()
    await expect(mirror.file(M, 'mod', asking())).rejects.toMatchObject({ code: 'MIRROR_FULL' })
    expect(bytesOf(await mirror.file(M, 'zip', asking()))).toEqual(Buffer.from(made.zip))
    expect(await mirror.status()).toMatchObject({ kept: { files: 1 }, upstreams: [{ failingSince: null }] })
    small.free()
    bytesOf(await mirror.file(M, 'mod', asking()))
  })

  it('gets no file that is larger than the limit', async () => {
    const upstream = await FakeUpstream.start()
    upstream.serve(made)
    const { mirror, log, dir } = await startMirror([upstream], { maxBytes: 1000 })
    log.record(made)
    await expect(mirror.file(M, 'zip', asking())).rejects.toMatchObject({ code: 'MIRROR_FULL' })
    expect(keptIn(dir)).toEqual([])
  })

  it('is used by one mirror at a time', async () => {
    const { dir } = await startMirror([])
    await expect(startMirror([], { dir })).rejects.toMatchObject({ code: 'MIRROR_LOCKED' })
  })

  it('keeps nothing that a killed process was writing', async () => {
    const { dir, again } = await startMirror([])
    writeFileSync(join(dir, 'scratch', 'half'), made.zip.subarray(0, 100))
    await again()
    expect(existsSync(join(dir, 'scratch', 'half'))).toBe(false)
    expect(keptIn(dir)).toEqual([])
  })
})

/** Incompressible text. */
function noise(length: number): string {
  let state = 1
  return Array.from({ length }, () => String.fromCharCode(33 + ((state = (state * 48271) % 0x7fffffff) % 90))).join('')
}
