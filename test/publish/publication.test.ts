/**
 * The contents of a published folder at any moment, in a real file system: complete, current files, and nobody else's files
 * touched.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { MARKER_MS, Publication, publishFault, type PublicationParts } from '../../src/publish/publication.js'
import { PublicFolder } from '../../src/publish/public-folder.js'
import { built } from '../helpers/built.js'
import { temporaryHome } from '../helpers/home.js'

const LOG = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)
const ORIGIN = 'ef'.repeat(32)
const EVIDENCE = '0123456789abcdef'
const SUSPECT = 'fedcba9876543210'

let dir: string
beforeEach(() => {
  dir = join(temporaryHome(), 'public')
})

async function opened(now = Date.now): Promise<PublicFolder> {
  const folder = await PublicFolder.open(dir, now)
  onTestFinished(() => folder.close())
  return folder
}

/** An API with the answers of a test; 404 for the rest. */
class Api {
  readonly said = new Map<string, string | number>()
  readonly asked: string[] = []
  evidence: string[] = []
  suspects: string[] = []
  now = 1_790_000_000_000
  isOver = false

  constructor(logs: readonly string[] = [LOG]) {
    for (const log of logs) this.head(log, 1)
    for (const list of ['logs', 'evidence', 'suspects', 'witnesses', 'witness']) this.said.set(`/api/v1/${list}`, '{}')
    for (const feed of ['/feed.atom', '/feed.json']) this.said.set(feed, 'feed')
  }

  head(log: string, size: number): void {
    for (const what of ['head', 'quorum']) this.said.set(`/api/v1/logs/${log}/${what}`, `{"size":${size}}`)
    for (const hash of [log, ORIGIN]) this.said.set(`/${hash}/checkpoint`, `size ${size}`)
  }

  found(evidence: string): void {
    this.evidence.push(evidence)
    this.said.set(`/api/v1/evidence/${evidence}`, `evidence ${evidence}`)
  }

  suspected(suspect: string): void {
    this.suspects.push(suspect)
    this.said.set(`/api/v1/suspects/${suspect}`, `suspect ${suspect}`)
  }

  publication(
    folder: PublicFolder,
    logs: readonly string[] = [LOG],
    change: Partial<PublicationParts> = {},
  ): Publication {
    return new Publication(folder, {
      logs: { ids: logs, origins: [ORIGIN] },
      finds: () => Promise.resolve({ evidence: this.evidence, suspects: this.suspects }),
      ask: (path) => {
        this.asked.push(path)
        const said = this.said.get(path) ?? 404
        return Promise.resolve(
          typeof said === 'number'
            ? { status: said, body: Buffer.from('why') }
            : { status: 200, body: Buffer.from(said) },
        )
      },
      ...{ witness: 'w+00000000+AAAA', now: () => this.now, isOver: () => this.isOver },
      ...change,
    })
  }
}

/** Every file of the folder except its own, with its content. */
function tree(folder = dir, name = ''): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(folder, name), { withFileTypes: true }).flatMap((entry) => {
      const path = join(name, entry.name)
      if (path === '.gossum') return []
      return entry.isDirectory()
        ? Object.entries(tree(folder, path))
        : [
            [
              path,
              entry.isSymbolicLink()
                ? `-> ${readlinkSync(join(folder, path))}`
                : readFileSync(join(folder, path), 'utf8'),
            ],
          ]
    }),
  )
}

const all = (log: string, size: number): Record<string, string> => ({
  [`api/v1/logs/${log}/head`]: `{"size":${size}}`,
  [`api/v1/logs/${log}/quorum`]: `{"size":${size}}`,
  [`${log}/checkpoint`]: `size ${size}`,
  [`${ORIGIN}/checkpoint`]: `size ${size}`,
  'api/v1/logs/index.json': '{}',
  'api/v1/evidence/index.json': '{}',
  'api/v1/suspects/index.json': '{}',
  'api/v1/witnesses': '{}',
  'api/v1/witness': '{}',
  'feed.atom': 'feed',
  'feed.json': 'feed',
  'published.json': '{"at":"2026-09-21T14:13:20.000Z","witness":"w+00000000+AAAA"}\n',
})

describe('a round', () => {
  test('writes all answers, readable by everyone, and later only changes', async () => {
    const api = new Api()
    const publication = api.publication(await opened())
    await publication.round()
    expect(tree()).toEqual(all(LOG, 1))
    for (const [path, mode] of [
      ['', 0o755],
      ['api/v1/logs', 0o755],
      [`api/v1/logs/${LOG}/head`, 0o644],
      ['.gossum', 0o700],
    ] as const)
      expect(statSync(join(dir, path)).mode & 0o777, path).toBe(mode)
    const inode = (file: string): number => statSync(join(dir, file)).ino
    const before = [inode('feed.json'), inode(`api/v1/logs/${LOG}/head`)]
    api.head(LOG, 2)
    await publication.round()
    expect(tree()).toEqual(all(LOG, 2))
    expect([inode('feed.json') === before[0], inode(`api/v1/logs/${LOG}/head`) === before[1]]).toEqual([true, false])
  })

  test('ignores the umask', async () => {
    const before = process.umask(0o077)
    try {
      await new Api().publication(await opened()).round()
    } finally {
      process.umask(before)
    }
    expect(statSync(join(dir, `${LOG}/checkpoint`)).mode & 0o777).toBe(0o644)
    expect(statSync(join(dir, 'api/v1')).mode & 0o777).toBe(0o755)
  })

  test('writes evidence before the list that names it, requests it once, and keeps it if the node no longer has it', async () => {
    const api = new Api()
    const order: string[] = []
    const folder = await opened()
    const write = folder.write.bind(folder)
    folder.write = (file, data) => {
      order.push(file)
      return write(file, data)
    }
    const publication = api.publication(folder)
    await publication.round()
    order.length = 0
    // It appears after the list was read, and before the feed was: neither may name what does not exist.
    api.said.set('/feed.json', EVIDENCE)
    const finds = () => {
      if (!api.evidence.includes(EVIDENCE)) api.found(EVIDENCE)
      return Promise.resolve({ evidence: api.evidence, suspects: [] })
    }
    await api.publication(folder, [LOG], { finds }).round()
    expect(order.slice(0, 2)).toEqual([`api/v1/evidence/${EVIDENCE}`, 'feed.json'])
    api.asked.length = 0
    await publication.round()
    await publication.round()
    expect(api.asked.filter((path) => path.endsWith(EVIDENCE))).toHaveLength(1)
    api.evidence = []
    await publication.round()
    expect(tree()[`api/v1/evidence/${EVIDENCE}`]).toBe(`evidence ${EVIDENCE}`)
  })

  test('removes only its own outdated files, for suspects, quorums and logs, also of an earlier run', async () => {
    const api = new Api([LOG, OTHER])
    api.suspected(SUSPECT)
    const folder = await opened()
    const publication = api.publication(folder, [LOG, OTHER])
    await publication.round()
    expect(Object.keys(tree())).toContain(`api/v1/suspects/${SUSPECT}`)
    expect(Object.keys(tree())).toContain(`${OTHER}/checkpoint`)
    for (const foreign of [
      'robots.txt',
      `${OTHER}/theirs`,
      'api/v1/logs/theirs',
      'api/v1/suspects/theirs',
      'api/v1/evidence/ab',
    ])
      writeFileSync(join(dir, foreign), 'theirs')
    api.suspects = []
    api.said.delete(`/api/v1/logs/${LOG}/quorum`)
    await publication.round()
    expect(Object.keys(tree())).not.toContain(`api/v1/suspects/${SUSPECT}`)
    expect(Object.keys(tree())).not.toContain(`api/v1/logs/${LOG}/quorum`)
    // A new run, which never knew of the other log.
    await api.publication(folder, [LOG]).round()
    const { [`api/v1/logs/${LOG}/quorum`]: _quorum, ...left } = all(LOG, 1)
    expect(_quorum).toBeDefined()
    expect(tree()).toEqual({
      ...left,
      ...Object.fromEntries(
        ['robots.txt', `${OTHER}/theirs`, 'api/v1/logs/theirs', 'api/v1/suspects/theirs', 'api/v1/evidence/ab'].map(
          (file) => [file, 'theirs'],
        ),
      ),
    })
    expect(existsSync(join(dir, `api/v1/logs/${OTHER}`))).toBe(false)
  })

  test('keeps files whose requests fail, reports that, and writes the rest', async () => {
    const api = new Api()
    const publication = api.publication(await opened())
    await publication.round()
    api.head(LOG, 2)
    for (const status of [500, 503, 429]) {
      api.said.set(`/api/v1/logs/${LOG}/head`, status)
      await expect(publication.round()).rejects.toMatchObject({
        code: 'PUBLISH_FAILED',
        message: expect.stringContaining(String(status)) as string,
      })
      expect(tree()).toEqual({ ...all(LOG, 2), [`api/v1/logs/${LOG}/head`]: '{"size":1}' })
    }
  })

  test('renews the marker every quarter of a minute, but not after a failure', async () => {
    const api = new Api()
    const publication = api.publication(await opened())
    await publication.round()
    const at = (): string => (JSON.parse(tree()['published.json']!) as { at: string }).at
    const first = at()
    api.now += MARKER_MS - 1
    await publication.round()
    expect(at()).toBe(first)
    api.now += 1
    api.said.set('/feed.atom', 500)
    await expect(publication.round()).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
    expect(at()).toBe(first)
    api.said.set('/feed.atom', 'feed')
    await publication.round()
    expect(Date.parse(at()) - Date.parse(first)).toBe(MARKER_MS)
    // The clock was set back.
    api.now -= 10 * MARKER_MS
    await publication.round()
    expect(Date.parse(at())).toBe(api.now)
  })

  test('gives each version of a file its own second, or web servers would answer 304', async () => {
    const api = new Api()
    // Ten rounds within one second, the last ones after the clock was set back.
    let now = 1_790_000_000_000
    const publication = api.publication(await opened(() => now))
    const seconds: number[] = []
    for (let size = 10; size < 20; size++) {
      api.head(LOG, size)
      if (size === 17) now -= 60_000
      await publication.round()
      seconds.push(Math.floor(statSync(join(dir, `api/v1/logs/${LOG}/head`)).mtimeMs / 1000))
    }
    expect(seconds).toEqual(seconds.map((_, i) => seconds[0]! + i))
  })

  test('stops between two files when the node stops', async () => {
    const api = new Api()
    const folder = await opened()
    const write = folder.write.bind(folder)
    folder.write = async (file, data) => {
      await write(file, data)
      api.isOver = true
    }
    await api.publication(folder).round()
    expect(Object.keys(tree())).toHaveLength(1)
  })
})

describe('the folder', () => {
  test('is refused, and left unchanged, if it is not empty', async () => {
    mkdirSync(dir)
    writeFileSync(join(dir, 'index.html'), 'a site')
    await expect(PublicFolder.open(dir, Date.now)).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
    expect(readdirSync(dir)).toEqual(['index.html'])
  })

  test('is accepted if it has only lost+found, like a new file system', async () => {
    mkdirSync(join(dir, 'lost+found'), { recursive: true })
    await new Api().publication(await opened()).round()
    expect(Object.keys(tree())).toContain('feed.json')
  })

  test('belongs to one node at a time', async () => {
    const first = await opened()
    await expect(PublicFolder.open(dir, Date.now)).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
    await first.close()
    await opened()
  })

  test.each([
    ['a link in place of a file', `api/v1/logs/${LOG}/head`],
    ['a link in place of a folder', `api/v1/logs/${LOG}`],
    ['a link in place of a parent folder', 'api'],
  ])('with %s has it reported, neither followed nor replaced, and the rest written', async (_what, at) => {
    const elsewhere = mkdtempSync(join(temporaryHome(), 'x-'))
    writeFileSync(join(elsewhere, 'head'), 'theirs')
    const target = at.endsWith('head') ? join(elsewhere, 'head') : elsewhere
    await (await PublicFolder.open(dir, Date.now)).close()
    mkdirSync(join(dir, at, '..'), { recursive: true })
    symlinkSync(target, join(dir, at))
    await expect(new Api().publication(await opened()).round()).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
    expect(lstatSync(join(dir, at)).isSymbolicLink()).toBe(true)
    expect(readdirSync(elsewhere)).toEqual(['head'])
    expect(readFileSync(join(elsewhere, 'head'), 'utf8')).toBe('theirs')
    expect(tree()).toMatchObject({ 'feed.json': 'feed', [`${LOG}/checkpoint`]: 'size 1' })
    expect(tree()['published.json']).toBeUndefined()
  })

  test('with a link in place of .gossum is refused', async () => {
    const elsewhere = mkdtempSync(join(temporaryHome(), 'x-'))
    mkdirSync(dir)
    symlinkSync(elsewhere, join(dir, '.gossum'))
    await expect(PublicFolder.open(dir, Date.now)).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
    expect(readdirSync(elsewhere)).toEqual([])
  })

  test('that is missing gives a system error, without its path in the text', async () => {
    const publication = new Api().publication(await opened())
    rmSync(dir, { recursive: true })
    const error: unknown = await publication.round().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(publishFault(error, dir)).toMatch(/^ENOENT: .*<folder>/)
    expect(publishFault(error, dir)).not.toContain(dir)
  })
})

const WRITER = `
  import { PublicFolder } from '${built('publish/public-folder.js')}'
  const folder = await PublicFolder.open(process.argv[1], Date.now)
  console.log('begun')
  for (let n = 0; ; n++) await folder.write('api/v1/head', Buffer.alloc(300_000, String(n % 10)))`

test('kill -9 at any moment leaves complete files, and the next node continues', async () => {
  for (let i = 0; i < 8; i++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    const exit = once(child, 'exit')
    // A reader only ever sees complete files; the node is ended at any point of its writing.
    for (let read = 0; read < 20 + i * 7; read++) {
      const bytes = existsSync(join(dir, 'api/v1/head'))
        ? readFileSync(join(dir, 'api/v1/head'))
        : Buffer.alloc(300_000)
      expect([bytes.length, bytes.every((byte) => byte === bytes[0])]).toEqual([300_000, true])
      await new Promise((later) => setImmediate(later))
    }
    child.kill('SIGKILL')
    await exit
    const bytes = readFileSync(join(dir, 'api/v1/head'))
    expect([bytes.length, bytes.every((byte) => byte === bytes[0])]).toEqual([300_000, true])
  }
  await new Api().publication(await opened()).round()
  expect(readdirSync(join(dir, '.gossum'))).not.toContain('next')
})
