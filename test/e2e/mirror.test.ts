/**
 * The real go command gets modules and the checksum database from a node, with one GOPROXY line. All go commands of
 * this machine are tested. Skipped if there is none, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../src/tlog/note.js'
import { downloadedCache, goCommands, minorOf, newestGo, required, type GoCommand } from '../helpers/go.js'
import { goproxy, startGoproxy, type RunningGoproxy } from '../helpers/goproxy.js'
import { scratchFolder } from '../helpers/home.js'
import { Mirrored, SIGNER } from '../helpers/mirrored.js'
import { makeModule, ModuleFolder } from '../helpers/module-folder.js'

const commands = goCommands()

const OLD = makeModule('example.com/hello', 'v1.0.0', { 'hello.go': 'package hello\n\nconst Hello = 1\n' })
const NEW = makeModule('example.com/hello', 'v1.1.0', { 'hello.go': 'package hello\n\nconst Hello = 2\n' })
const DEEP = makeModule(
  'example.com/Upper/deep',
  'v0.3.0',
  { 'deep.go': 'package deep\n\nimport "example.com/hello"\n\nconst Deep = hello.Hello\n' },
  'module example.com/Upper/deep\n\ngo 1.19\n\nrequire example.com/hello v1.1.0\n',
)
/** Modules that only a user's module cache has, and that only another proxy has. */
const CACHED = makeModule('example.com/cached', 'v1.0.0', { 'cached.go': 'package cached\n' })
const BEHIND = makeModule('example.com/behind', 'v1.0.0', { 'behind.go': 'package behind\n' })
/** A module without releases: its list of versions is empty, and its latest is a commit. */
const TIP = makeModule('example.com/tip', 'v0.0.0-20240101000000-0123456789ab', { 'tip.go': 'package tip\n' })
const [OS, ARCH] = [process.platform, process.arch === 'x64' ? 'amd64' : process.arch]
/** A toolchain that can only print what it is. */
const TOOLCHAIN = makeModule(
  'golang.org/toolchain',
  `v0.0.1-go1.99.0.${OS}-${ARCH}`,
  {
    'bin/go': '#!/bin/sh\necho the toolchain from the mirror: $*\n',
    [`pkg/tool/${OS}_${ARCH}/compile`]: '',
    'bin/gofmt': '',
    'lib/empty': '',
  },
  'module golang.org/toolchain\n',
)

test.runIf(required)('goproxy is here, as REQUIRE_PEERS asks', () => {
  expect(goproxy).toBeDefined()
})

test.runIf(required)('two go commands are here, as REQUIRE_PEERS asks', () => {
  expect(commands.length).toBeGreaterThanOrEqual(2)
})

describe.skipIf(commands.length === 0)('with the node as its only GOPROXY', () => {
  let mirrored: Mirrored

  const { dir } = scratchFolder()
  let theirs: RunningGoproxy | undefined

  beforeAll(async () => {
    const [folder, behind] = [new ModuleFolder(join(dir, 'direct')), new ModuleFolder(join(dir, 'behind'))]
    await Promise.all([folder.put(CACHED), behind.put(BEHIND)])
    const cache = await downloadedCache(newestGo(), { root: dir, proxy: folder.dir }, [CACHED])
    const upstreams = [pathToFileURL(join(cache!, 'cache/download')).href]
    if (goproxy !== undefined) {
      theirs = await startGoproxy(dir, { GOPROXY: pathToFileURL(behind.dir).href, GOSUMDB: 'off' })
      upstreams.push(theirs.url)
    }
    const args = ['--private', 'example.com/secret', '--audit', ...upstreams.flatMap((url) => ['--mirror', url])]
    mirrored = await Mirrored.start([OLD, NEW, DEEP, TIP, TOOLCHAIN], args)
    await mirrored.log.history.append([CACHED.record, BEHIND.record])
  })
  afterAll(async () => {
    theirs?.child.kill('SIGKILL')
    await mirrored.stop()
  })

  describe.each(commands)('$version', (go: GoCommand) => {
    test('downloads a module, and keeps a head that the witness cosigned', async () => {
      const user = await mirrored.user(go)
      const { exit, output } = await user.run(
        ['mod', 'download', '-json', 'example.com/hello@v1.0.0'],
        mirrored.settings,
      )
      expect([exit, output]).toEqual([0, expect.stringContaining(/h1:\S+/.exec(OLD.record.text)![0]) as string])
      const note = parseNote(await readFile(user.latest(SIGNER.verifier.name)))
      expect(parseCheckpoint(note.text).size).toBeGreaterThanOrEqual(405)
      const witness = parseVerifierKey(mirrored.node.ready.witness)
      expect([...verifiedCosignatures(note, [witness]).keys()]).toEqual([witness.vkey])
    })

    test('gets the latest version of a module with all its dependencies, and a go.sum that matches the log', async () => {
      const user = await mirrored.user(go)
      const { exit, output } = await user.run(['get', 'example.com/Upper/deep@latest'], mirrored.settings)
      expect([exit, output]).toEqual([0, expect.stringContaining('added example.com/Upper/deep v0.3.0') as string])
      expect(await readFile(join(user.home, 'go.sum'), 'utf8')).toBe(DEEP.record.text + NEW.record.text)
    })

    test('lists versions, and finds the latest where there is no release', async () => {
      const listed = await mirrored.go(go, ['list', '-m', '-versions', 'example.com/hello'])
      expect([listed.exit, listed.output]).toEqual([0, 'example.com/hello v1.0.0 v1.1.0\n'])
      const latest = await mirrored.go(go, ['list', '-m', 'example.com/tip@latest'])
      expect([latest.exit, latest.output]).toEqual([0, `example.com/tip ${TIP.version}\n`])
    })

    // Older go commands know no toolchain but their own.
    if (minorOf(go) >= 21)
      test('switches to a toolchain that the log has recorded', async () => {
        const { exit, output } = await mirrored.go(go, ['version'], { GOTOOLCHAIN: 'go1.99.0' })
        expect([exit, output]).toEqual([0, expect.stringContaining('the toolchain from the mirror: version') as string])
      })

    test('loads the packages of a workspace', async () => {
      const user = await mirrored.user(go)
      const second = join(user.home, 'second')
      await mkdir(second)
      await writeFile(
        join(user.home, 'go.mod'),
        'module example.com/app\n\ngo 1.19\n\nrequire example.com/hello v1.0.0\n',
      )
      await writeFile(join(user.home, 'app.go'), 'package app\n\nimport _ "example.com/hello"\n')
      await writeFile(
        join(second, 'go.mod'),
        `${DEEP.mod.replace('Upper/deep', 'second')}\nrequire ${DEEP.path} v0.3.0\n`,
      )
      await writeFile(join(second, 'second.go'), 'package second\n\nimport _ "example.com/Upper/deep"\n')
      await writeFile(join(user.home, 'go.work'), 'go 1.19\n\nuse (\n\t.\n\t./second\n)\n')
      const format = '{{if .Module}}{{.Module.Path}} {{.Module.Version}}{{end}}'
      const args = ['list', '-deps', '-f', format, './...', './second/...']
      const { exit, output } = await user.run(args, { ...mirrored.settings, GOFLAGS: '' })
      expect([exit, output]).toEqual([0, expect.stringContaining('example.com/Upper/deep v0.3.0\n') as string])
      expect(output).toContain('example.com/hello v1.1.0\n')
    })

    test('bypasses the node for a private module, whose name is sent to nobody', async () => {
      const secret = makeModule('example.com/secret', 'v1.0.0', { 'secret.go': 'package secret\n' })
      const inside = new ModuleFolder(join(mirrored.root, 'inside'))
      await inside.put(secret)
      const settings = { GOPROXY: `${mirrored.goproxy},file://${inside.dir}`, GOSUMDB: 'off' }
      const { exit, output } = await mirrored.go(go, ['get', 'example.com/secret@latest'], settings)
      expect([exit, output]).toEqual([0, expect.stringContaining('added example.com/secret v1.0.0') as string])
      expect(
        [...mirrored.upstream.requests, ...mirrored.log.requests].filter((path) => path.includes('secret')),
      ).toEqual([])
    })

    test('is stopped by a comma after the node, and not by a bar', async () => {
      const forged = makeModule('example.com/unrecorded', 'v1.0.0', { 'forged.go': 'package forged\n' })
      await mirrored.upstream.history.put(forged)
      const args = ['mod', 'download', 'example.com/unrecorded@v1.0.0']
      const past = `file://${mirrored.upstream.history.dir}`
      const stopped = await mirrored.go(go, args, { GOPROXY: `${mirrored.goproxy},${past}`, GOSUMDB: 'off' })
      expect([stopped.exit, stopped.output]).toEqual([1, expect.stringContaining('403 Forbidden') as string])
      expect(stopped.output).toContain('gossum: ')
      const gone = await mirrored.go(go, args, { GOPROXY: `${mirrored.goproxy}|${past}`, GOSUMDB: 'off' })
      expect(gone.exit, gone.output).toBe(0)
    })
  })

  test('an upstream may be the files of a module cache', async () => {
    const { exit, output } = await mirrored.go(commands[0]!, ['get', 'example.com/cached@v1.0.0'])
    expect(exit, output).toBe(0)
  })

  test.skipIf(goproxy === undefined)('an upstream may be goproxy', async () => {
    const { exit, output } = await mirrored.go(commands[0]!, ['get', 'example.com/behind@latest'])
    expect(exit, output).toBe(0)
  })

  test('scripts of other sites can read what they may', async () => {
    for (const path of [
      '/mod/example.com/hello/@v/list',
      '/mod/example.com/hello/@v/v1.0.0.zip',
      '/mod/example.com/no/@v/list',
    ]) {
      const { headers } = await fetch(`${mirrored.node.ready.http}${path}`, {
        headers: { origin: 'https://pkg.example' },
      })
      expect(headers.get('access-control-allow-origin'), path).toBe('*')
    }
  })

  test('the index names what the go command can list, at the times of the quorum', async () => {
    const entries = await indexOf(mirrored, 407)
    const listed = await mirrored.go(commands[0]!, ['list', '-m', '-versions', 'example.com/hello'])
    const hello = entries.filter(({ Path }) => Path === 'example.com/hello').map(({ Version }) => Version)
    expect(listed.output).toBe(`example.com/hello ${hello.join(' ')}\n`)
    expect(entries.length).toBe(407)
    for (const { Timestamp } of entries) expect(Math.abs(Date.parse(Timestamp) - Date.now())).toBeLessThan(600_000)
  })

  test('what was downloaded once is available without the upstream, also to other users', async () => {
    await mirrored.upstream.close()
    for (const go of commands) {
      const { exit, output } = await mirrored.go(go, ['get', 'example.com/Upper/deep@latest'])
      expect(exit, output).toBe(0)
    }
  })
})

interface Indexed {
  readonly Path: string
  readonly Version: string
  readonly Timestamp: string
}

/** The index, as soon as the node has read this many records. */
async function indexOf({ node }: Mirrored, count: number): Promise<Indexed[]> {
  for (;;) {
    const answer = await fetch(`${node.ready.http}/index?include=all&limit=2000`)
    const lines = answer.ok ? (await answer.text()).split('\n').filter((line) => line !== '') : []
    if (lines.length >= count) return lines.map((line) => JSON.parse(line) as Indexed)
    await setTimeout(100)
  }
}
