/**
 * golang.org/x/mod's verdicts on module paths and versions, from scripts/peers/checkmodules: for genuine ones, and for
 * ones corrupted in every way. Skipped if the program is not installed (scripts/ci/peers.sh), unless REQUIRE_PEERS=1.
 */
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { judgePath, pathMajorOf } from '../../../src/audit/rules/judge-path.js'
import { judgeRecord } from '../../../src/audit/rules/judge-record.js'
import { judgeVersion } from '../../../src/audit/rules/judge-version.js'
import type { RuleName } from '../../../src/audit/rules/rules.js'
import { escapeModule } from '../../../src/sumdb/module.js'
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { expectEqual } from '../../helpers/expect-equal.js'
import { BAD_RECORDS } from '../../helpers/bad-records.js'
import { required } from '../../helpers/go.js'
import { findPeer } from '../../helpers/peers.js'
import { seeded } from '../../helpers/tree.js'
import { PROVEN_RECORDS, SHARED_RECORDS, SMALL_RECORDS } from './genuine-records.js'

interface Module {
  readonly path: string
  readonly version: string
}

/** One answer of checkmodules; its source describes the fields. */
interface Verdict {
  readonly pathError: string
  readonly error: string
  readonly escapedPath: string
  readonly escapedVersion: string
  readonly pathMajor: string
  readonly isSplit: boolean
  readonly matchesMajor: boolean
  readonly isSemver: boolean
  readonly isCanonical: boolean
  readonly isPseudo: boolean
  readonly year: number
  readonly hasBase: boolean
  readonly base: string
  readonly revision: string
}

const peer = findPeer('checkmodules')

test.runIf(required)('checkmodules is here, as REQUIRE_PEERS asks', () => {
  expect(peer, 'checkmodules (scripts/ci/peers.sh)').toBeDefined()
})

function askXMod(modules: readonly Module[]): Verdict[] {
  const input = modules.map((module) => `${JSON.stringify(module)}\n`).join('')
  const output = execFileSync(peer!, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict)
}

/**
 * Which of our rules must be among those broken, by the text of CheckPath's error, which names only the first problem.
 */
const WORDS: readonly (readonly [RegExp, readonly RuleName[]])[] = [
  [/: (double|trailing|leading) slash$|: empty (string|path element)$/, ['path-slash']],
  [/: (leading|trailing) dot in path element$|: invalid path element "\.+"$/, ['path-dot']],
  [/: invalid char .* in first path element$|: missing dot in first path element$/, ['path-host']],
  [/: leading dash( in first path element)?$/, ['path-host']],
  [/: invalid char '\+'$/, ['path-plus']],
  [/: invalid char .*$/, ['path-character']],
  [/ disallowed as path element component on Windows$/, ['path-reserved-name']],
  [/: trailing tilde and digits in path element$/, ['path-short-name']],
  [/: invalid version$/, ['path-major', 'path-gopkg-in']],
]

/** The rules about versions that x/mod decides, and its decisions. */
function expectedOfVersion(verdict: Verdict, version: string): RuleName[] {
  if (!verdict.isSemver) return ['version-syntax']
  const { isPseudo, hasBase, base, year, revision, pathMajor } = verdict
  // The one rule of pseudo-versions that is in the go command rather than in x/mod: a v1 without a base.
  const isLoneV1 = hasBase && base === '' && version.startsWith('v1.') && pathMajor === ''
  const rules: (RuleName | false)[] = [
    !verdict.isCanonical && 'version-canonical',
    verdict.isSplit && !verdict.matchesMajor && 'version-major',
    isPseudo && (!hasBase || isLoneV1) && 'pseudo-base',
    isPseudo && year < 1970 && 'pseudo-time',
    isPseudo && !/^[0-9a-f]{12}$/.test(revision) && 'pseudo-revision',
  ]
  return rules.filter((rule) => rule !== false)
}

/** Rules that x/mod does not have. */
const NOT_OF_XMOD: ReadonlySet<RuleName> = new Set(['incompatible-needless', 'toolchain-name'])

function compare(module: Module, verdict: Verdict): void {
  const { path, version } = module
  const said = JSON.stringify(module)
  const ofPath = judgePath(path).map(({ rule }) => rule)
  expectEqual(ofPath.length > 0, verdict.pathError !== '', `${said}: ${verdict.pathError}`)
  if (verdict.pathError !== '') {
    const wanted = WORDS.find(([words]) => words.test(verdict.pathError))?.[1]
    const isAmongThem = ofPath.some((rule) => wanted?.includes(rule))
    expectEqual(isAmongThem, true, `${said}: ${verdict.pathError}: ${ofPath.join(' ')}`)
  }
  expectEqual(pathMajorOf(path), { major: verdict.pathMajor, isValid: verdict.isSplit }, said)

  const ofVersion = judgeVersion(path, version).map(({ rule }) => rule)
  const ofXMod = ofVersion.filter((rule) => !NOT_OF_XMOD.has(rule))
  expectEqual(ofXMod, expectedOfVersion(verdict, version), said)

  // module.Check combines them.
  const objects = ofPath.length > 0 || ofVersion.includes('version-syntax') || ofVersion.includes('version-major')
  expectEqual(objects, verdict.error !== '', `${said}: ${verdict.error}`)
  // Whatever breaks no rule can be escaped and requested under that name (except the one that is deliberately too
  // long).
  if (ofPath.length === 0 && ofVersion.length === 0 && path.length < 500) {
    expectEqual(escapeModule(path, version), `${verdict.escapedPath}@${verdict.escapedVersion}`, said)
  }
}

describe.skipIf(peer === undefined)('golang.org/x/mod agrees', () => {
  const modulesOf = (records: readonly Uint8Array[]): Module[] =>
    records.map((record) => judgeRecord(record).module).filter((module) => module !== undefined)
  const genuine = modulesOf([...SMALL_RECORDS, ...PROVEN_RECORDS, ...SHARED_RECORDS])
  const made = modulesOf(BAD_RECORDS.map(({ record }) => record))

  function agreeOn(modules: readonly Module[]): Verdict[] {
    const verdicts = askXMod(modules)
    expect(verdicts).toHaveLength(modules.length)
    modules.forEach((module, i) => compare(module, verdicts[i]!))
    return verdicts
  }

  test('on genuine modules, and rejects none', () => {
    expect(agreeOn(genuine).filter(({ error }) => error !== '')).toEqual([])
  })

  test('on the names of made-up bad records', () => {
    expect(agreeOn(made).length).toBeGreaterThan(50)
  })

  test('on 30,000 others', () => {
    const random = seeded(1970)
    const pick = <T>(list: readonly T[]): T => list[random() % list.length]!
    const PARTS =
      '/ . v ~ - + _ 0 1 2 9 a f Z @ ! // .. .v1 .v2 /v2 /v1 /v0 ~1 con. /nul /COM1 lpt0 -unstable gopkg.in/ ä K \u{1f600}'
    const VERSION_PARTS =
      '. v - + 0 1 9 a Z _ -0. .0. -rc.1 +incompatible 20190102030405- 20190229030405- 19690102030405- -0123456789ab 00010101000000-000000000000 / ä'
    const spoil = (text: string, parts: string): string => {
      let out = text
      for (let n = random() % 3; n > 0; n--) {
        const at = random() % (out.length + 1)
        const length = random() % 3
        out = out.slice(0, at) + pick(['', ...parts.split(' ')]) + out.slice(at + length)
      }
      // A lone surrogate has no JSON spelling that both read alike.
      return fromUtf8(utf8(out))!
    }
    const seeds = [...genuine, ...made, ...made]
    const modules = Array.from({ length: 30_000 }, () => {
      const { path, version } = pick(seeds)
      return {
        path: spoil(path, PARTS),
        version: spoil(random() % 8 === 0 ? pick(seeds).version : version, VERSION_PARTS),
      }
    })
    const verdicts = agreeOn(modules)
    // Meaningful only if both verdicts are frequent, for each function.
    const share = (is: (verdict: Verdict) => boolean): number => verdicts.filter(is).length / verdicts.length
    for (const is of [
      (it: Verdict) => it.pathError === '',
      (it: Verdict) => it.error === '',
      (it: Verdict) => it.isSemver,
      (it: Verdict) => it.isCanonical,
      (it: Verdict) => it.isPseudo,
    ]) {
      expect(share(is)).toBeGreaterThan(0.05)
      expect(share(is)).toBeLessThan(0.95)
    }
    const pseudo = verdicts.filter(({ isPseudo }) => isPseudo)
    for (const is of [(it: Verdict) => it.year < 1970, (it: Verdict) => !it.hasBase, (it: Verdict) => it.base !== '']) {
      expect(pseudo.filter(is).length).toBeGreaterThan(50)
    }
  })
})
