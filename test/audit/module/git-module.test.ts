/**
 * A repository's view of a module version, compared with the go command itself and golang.org/x/mod/zip, if they are
 * installed; and repositories that try to make us run something.
 */
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { viewOfGit } from '../../../src/audit/module/git-module.js'
import type { ModuleHashes, HolderView } from '../../../src/audit/module/module-views.js'
import { attempted } from '../../../src/errors/attempt.js'
import { h1, minorOf, newestGo, required } from '../../helpers/go.js'
import { scratchFolder } from '../../helpers/home.js'
import { MadeRepository, type CommittedFiles } from '../../helpers/repositories.js'
import { goSays, modrules } from '../../module/modrules.js'

const { dir } = scratchFolder()
const go = newestGo()
const fresh = (): string => mkdtempSync(join(dir, 'd-'))
const look = (where: string, path: string, version: string): Promise<HolderView> =>
  viewOfGit({ path, version }, where, fresh())

/** The go command's view of a module in this repository, served as https://example.com/m.git. */
async function goMakes(repository: MadeRepository, path: string, version: string): Promise<ModuleHashes | string> {
  const home = fresh()
  writeFileSync(join(home, 'go.mod'), 'module app\n')
  writeFileSync(join(home, 'config'), `[url "file://${repository.dir}"]\n insteadOf = https://example.com/m\n`)
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    GOPATH: join(home, 'gp'),
    GOENV: 'off',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-mod=mod -modcacherw',
    GOPROXY: 'direct',
    GOSUMDB: 'off',
    GIT_CONFIG_GLOBAL: join(home, 'config'),
  }
  return new Promise((resolve, reject) => {
    execFile(
      go!.path,
      ['mod', 'download', '-json', `${path}@${version}`],
      { cwd: home, env, timeout: 60_000 },
      (error, stdout) => {
        const {
          Sum,
          GoModSum,
          Error: refused,
        } = JSON.parse(stdout) as { Sum?: string; GoModSum?: string; Error?: string }
        if (Sum !== undefined && GoModSum !== undefined) resolve({ zip: Sum, mod: GoModSum })
        else if (refused !== undefined) resolve(refused)
        else reject(error ?? new Error(stdout))
      },
    )
  })
}

const MODULE = 'example.com/m.git'
const mod = (path: string, more = 'go 1.20\n'): string => `module ${path}\n\n${more}`

/** Everything known to have made two programs disagree about the files of a module. */
const EVERYTHING: CommittedFiles = {
  'go.mod': mod(MODULE),
  'm.go': 'package m\n',
  LICENSE: 'do as you like\n',
  'vendor/modules.txt': '# x\n',
  'vendor/x/x.go': 'package x\n',
  'pkg/vendor/vendor.go': 'package vendor\n',
  'nested/go.mod': mod(`${MODULE}/nested`),
  'nested/n.go': 'package nested\n',
  'nested/deep/d.go': 'package deep\n',
  'withlicense/go.mod': mod(`${MODULE}/withlicense`, 'go 1.24\n'),
  'withlicense/LICENSE': 'another one\n',
  'withlicense/vendor/modules.txt': '# x\n',
  'withlicense/p/vendor/v.go': 'package v\n',
  'link.go': { linkTo: 'm.go' },
  'crlf.txt': 'a\r\nb\r\n',
  'eol.crlf': 'one\ntwo\n',
  'ident.id': '$Id$\n',
  'subst.txt': '$Format:%H$\n',
  'ignored.txt': 'ignored by archives\n',
  'run.sh': '#!/bin/sh\n',
  '.gitignore': 'forced\n',
  forced: 'committed all the same\n',
  'ünï.txt': 'a name\n',
  'a b/c d.txt': 'blanks\n',
  '.gitattributes':
    '*.crlf text eol=crlf\n*.id ident\nsubst.txt export-subst\nignored.txt export-ignore\n* filter=evil\n',
  '.git_archival.txt': 'node: $Format:%H$\n',
  '.hg_archival.txt': 'repo: x\n',
}

const repository = new MadeRepository(join(dir, 'everything'))
const first = repository.commit(EVERYTHING, 'v1.2.3', 'nested/v0.1.0', 'withlicense/v1.0.0-rc.1')
chmodSync(join(repository.dir, 'run.sh'), 0o755)
const second = repository.commit({ 'v2/go.mod': mod(`${MODULE}/v2`), 'v2/two.go': 'package m\n' }, 'v2.0.0')
const third = repository.commit({ 'go.mod': mod(`${MODULE}/v3`) }, 'v3.0.1')
repository.git('tag', '--annotate', 'v3.1.0', '--message', 'an annotated tag')

const CASES: [path: string, version: string, revision: string, subdir: string][] = [
  [MODULE, 'v1.2.3', first, ''],
  [`${MODULE}/nested`, 'v0.1.0', first, 'nested'],
  [`${MODULE}/withlicense`, 'v1.0.0-rc.1', first, 'withlicense'],
  [`${MODULE}/v2`, 'v2.0.0', second, 'v2'],
  [`${MODULE}/v3`, 'v3.0.1', third, ''],
  [`${MODULE}/v3`, 'v3.1.0', third, ''],
  [MODULE, `v0.0.0-20240506070809-${first.slice(0, 12)}`, first, ''],
  [`${MODULE}/nested`, `v0.1.1-0.20240506070809-${second.slice(0, 12)}`, second, 'nested'],
]

test.runIf(required)('go is here, as REQUIRE_PEERS asks', () => {
  expect(go).toBeDefined()
})

describe.each(CASES)('%s %s', (path, version, revision, subdir) => {
  let seen: Promise<HolderView> | undefined
  /** What the checkout shows, the same for every test. */
  const inCheckout = (): Promise<HolderView> => (seen ??= look(repository.dir, path, version))

  test('the checkout', async () => {
    const found = await inCheckout()
    expect(found).toMatchObject({ kind: 'has', from: expect.stringContaining(revision.slice(0, 12)) as string })
    // Before 1.24 go left more out of vendor folders, whatever a go.mod says.
    const isComparable = go !== undefined && (minorOf(go) >= 24 || subdir !== 'withlicense')
    if (isComparable)
      expect((found as { hashes: ModuleHashes }).hashes).toEqual(await goMakes(repository, path, version))
  })

  test.each([
    ['a folder of the checkout', join(repository.dir, 'pkg')],
    ['a URL', pathToFileURL(repository.dir).href],
  ])('%s', async (_, where) => {
    const found = await look(where, path, version)
    expect(found).toMatchObject({ kind: 'has', from: expect.stringContaining(revision.slice(0, 12)) as string })
    expect(found).toEqual(await inCheckout())
  })

  test.skipIf(modrules === undefined)('has the hashes of golang.org/x/mod/zip', async () => {
    // Git reads attributes from the checkout and cannot be told not to; there the go command, and we, continue without
    // it.
    writeFileSync(join(repository.dir, '.git', 'info', 'attributes'), '* -export-subst -export-ignore\n')
    const found = (await look(repository.dir, path, version)) as { hashes: ModuleHashes }
    expect(await goSays('vcs', path, version, repository.dir, revision, subdir)).toEqual({ hash: found.hashes.zip })
  })
})

test('a module in a folder gets the LICENSE of the root, and no other file', async () => {
  const files = {
    'go.mod': mod(`${MODULE}/nested`),
    'n.go': 'package nested\n',
    'deep/d.go': 'package deep\n',
    LICENSE: 'do as you like\n',
  }
  const named = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [`${MODULE}/nested@v0.1.0/${name}`, text]),
  )
  expect(await look(repository.dir, `${MODULE}/nested`, 'v0.1.0')).toMatchObject({
    hashes: { zip: h1(named), mod: h1({ 'go.mod': files['go.mod'] }) },
  })
})

test('a module without a go.mod gets a made-up one, which is not in its zip', async () => {
  const bare = new MadeRepository(join(dir, 'bare'))
  bare.commit({ 'a.go': 'package a\n' }, 'v1.0.0', 'v2.0.0')
  for (const version of ['v1.0.0', 'v2.0.0+incompatible']) {
    const zip = h1({ [`${MODULE}@${version}/a.go`]: 'package a\n' })
    const found = await look(bare.dir, MODULE, version)
    expect(found).toMatchObject({ hashes: { zip, mod: h1({ 'go.mod': `module ${MODULE}\n` }) } })
    if (go !== undefined)
      expect(await goMakes(bare, MODULE, version)).toEqual((found as { hashes: ModuleHashes }).hashes)
  }
})

test('if the path does not determine the folder, the go.mod does', async () => {
  const many = new MadeRepository(join(dir, 'many'))
  many.commit({ 'go.mod': mod('vanity.example/x'), 'x.go': 'package x\n' }, 'v1.0.0')
  many.commit({ 'sub/go.mod': mod('vanity.example/x/sub'), 'sub/s.go': 'package sub\n' }, 'sub/v1.0.0')
  expect(await look(many.dir, 'vanity.example/x', 'v1.0.0')).toMatchObject({
    from: expect.stringMatching(/^tag v1.0.0,/) as string,
  })
  expect(await look(many.dir, 'vanity.example/x/sub', 'v1.0.0')).toMatchObject({
    from: expect.stringMatching(/^tag sub\/v1.0.0,/) as string,
  })
})

describe('a missing version', () => {
  test.each<[string, string, string, Partial<HolderView> & { kind: HolderView['kind'] }]>([
    ['no tag', MODULE, 'v9.9.9', { kind: 'absent', reason: 'no tag v9.9.9' }],
    ['a tag of another folder', `${MODULE}/nested`, 'v1.2.3', { kind: 'absent', reason: 'no tag nested/v1.2.3' }],
    ['no commit', MODULE, 'v0.0.0-20240506070809-000000000000', { kind: 'absent', reason: 'no revision 000000000000' }],
    ['a commit of another time', MODULE, `v0.0.0-20240506070810-${first.slice(0, 12)}`, { kind: 'unusable' }],
    ['a major version without a go.mod for it', `${MODULE}/v4`, 'v3.0.1', { kind: 'unusable' }],
  ])('%s', async (_, path, version, expected) => {
    expect(await look(repository.dir, path, version)).toMatchObject(expected)
  })

  test('no repository', async () => {
    expect(await look(fresh(), MODULE, 'v1.2.3')).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('not in a git repository') as string,
    })
    expect(await look(pathToFileURL(fresh()).href, MODULE, 'v1.2.3')).toMatchObject({ kind: 'unknown' })
  })
})

test.each(['ext::sh -c touch% made-by-it', 'http://example.com/m', 'git://example.com/m', 'fd::0'])(
  '%s is refused as an address',
  async (where) => {
    const refused = attempted(look(where, MODULE, 'v1.2.3'))
    expect(await refused).toMatchObject({ code: 'USAGE' })
  },
)

test('an address that looks like an option is treated as a missing folder', async () => {
  expect(await look('--upload-pack=touch made-by-it', MODULE, 'v1.2.3')).toMatchObject({ kind: 'unknown' })
})

test('commands configured by a repository are not run', async () => {
  const evil = new MadeRepository(join(dir, 'evil'))
  evil.commit({ 'go.mod': mod(MODULE), 'a.txt': 'x\n', '.gitattributes': '* filter=evil diff=evil\n' }, 'v1.0.0')
  const trace = join(dir, 'ran')
  const command = `touch ${trace}; cat`
  const settings = {
    'filter.evil.smudge': command,
    'filter.evil.process': command,
    'filter.evil.required': 'true',
    'core.fsmonitor': command,
    'core.sshCommand': command,
    'core.pager': command,
    'core.hooksPath': join(dir, 'hooks'),
    'core.gitProxy': command,
    'diff.external': command,
    'diff.evil.textconv': command,
    'uploadpack.packObjectsHook': command,
    'tar.zip.command': command,
    'gpg.program': command,
    'log.showSignature': 'true',
    'alias.archive': `!${command}`,
    'alias.for-each-ref': `!${command}`,
    'remote.origin.url': 'ssh://example.com/m',
    'remote.origin.promisor': 'true',
    'extensions.partialClone': 'origin',
  }
  for (const [name, value] of Object.entries(settings)) evil.git('config', name, value)
  mkdirSync(join(dir, 'hooks'))
  for (const hook of ['post-checkout', 'reference-transaction', 'pre-auto-gc']) {
    writeFileSync(join(dir, 'hooks', hook), `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 })
  }
  const files = { 'go.mod': mod(MODULE), 'a.txt': 'x\n', '.gitattributes': '* filter=evil diff=evil\n' }
  const named = Object.fromEntries(Object.entries(files).map(([name, text]) => [`${MODULE}@v1.0.0/${name}`, text]))
  expect(await look(evil.dir, MODULE, 'v1.0.0')).toMatchObject({ hashes: { zip: h1(named) } })
  expect(existsSync(trace)).toBe(false)
})

test.runIf(process.getuid?.() === 0)('a repository of another user is read', async () => {
  const theirs = new MadeRepository(join(dir, 'theirs'))
  theirs.commit({ 'go.mod': mod(MODULE) }, 'v1.0.0')
  execFileSync('chown', ['-R', '12345:12345', theirs.dir])
  expect(await look(theirs.dir, MODULE, 'v1.0.0')).toMatchObject({ kind: 'has' })
})

test('a replaced commit is read in its original form', async () => {
  const replaced = new MadeRepository(join(dir, 'replaced'))
  const id = replaced.commit({ 'go.mod': mod(MODULE), 'a.go': 'package a\n' }, 'v1.0.0')
  const before = await look(replaced.dir, MODULE, 'v1.0.0')
  replaced.git('replace', id, replaced.commit({ 'a.go': 'package evil\n' }))
  expect(await look(replaced.dir, MODULE, 'v1.0.0')).toEqual(before)
})
