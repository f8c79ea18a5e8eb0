/**
 * The rules of versions: those of golang.org/x/mod/semver and module, and the go command's for pseudo-versions and
 * `+incompatible`. EscapeVersion refuses no version without findings.
 *
 * Pure. Linear in the length of the version.
 */
import { broken, quoted, type Broken } from './broken.js'
import { pathMajorOf } from './judge-path.js'

/** The numbers, the prerelease with its dash, the build metadata with its plus. */
const SEMVER =
  /^v(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*)(-(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?)?$/
/**
 * The parts of a prerelease, with its dash: what precedes the time, the time, the revision. Form (1) has nothing before
 * it.
 */
const PSEUDO = /^-((?:.*\.)?0\.)?([0-9]{14})-([A-Za-z0-9]+)$/
const INCOMPATIBLE = '+incompatible'
const TOOLCHAIN_PATH = 'golang.org/toolchain'
/** Releases before 1.21 have no patch 0, and one of them is a release candidate of a patch: go1.9.2rc2. */
const TOOLCHAIN_VERSION =
  /^v0\.0\.1-go1(?:\.(?:0|[1-9][0-9]*)){0,2}(?:(?:alpha|beta|rc)[1-9][0-9]*)?\.[a-z0-9]+-[a-z0-9]+$/

interface Semver {
  readonly major: string
  readonly minor: string | undefined
  readonly patch: string | undefined
  readonly prerelease: string
  readonly build: string
}

function parseSemver(version: string): Semver | undefined {
  const [all, major, minor, patch, prerelease = '', build = ''] = SEMVER.exec(version) ?? []
  return all === undefined || major === undefined ? undefined : { major, minor, patch, prerelease, build }
}

/**
 * The rules that the version of this path breaks, each once. A path without a valid end has no major version to
 * compare.
 */
export function judgeVersion(path: string, version: string): Broken[] {
  const said = `the version ${quoted(version)}`
  const semver = parseSemver(version)
  if (semver === undefined) return [broken('version-syntax', `${said} is not a semantic version`)]
  const { major, patch, build } = semver
  const found: Broken[] = []
  if (patch === undefined || (build !== '' && build !== INCOMPATIBLE)) {
    found.push(broken('version-canonical', `${said} is not in canonical form`))
  }

  const pathMajor = pathMajorOf(path)
  if (pathMajor.isValid && !matchesMajor(version, semver, pathMajor.major)) {
    found.push(broken('version-major', `${said} does not have the major version of the path ${quoted(path)}`))
  }
  const isCompatible = pathMajor.major !== '' || major === '0' || major === '1'
  if (build === INCOMPATIBLE && isCompatible) {
    found.push(broken('incompatible-needless', `${said} of ${quoted(path)} is not incompatible`))
  }

  if (path === TOOLCHAIN_PATH && !TOOLCHAIN_VERSION.test(version)) {
    found.push(broken('toolchain-name', `${said} does not name a toolchain`))
  }
  return found.concat(judgePseudo(said, semver, pathMajor.major))
}

/** SPEC: golang.org/x/mod/module, CheckPathMajor. */
function matchesMajor(version: string, { major, build }: Semver, pathMajor: string): boolean {
  if (pathMajor === '') return major === '0' || major === '1' || build === INCOMPATIBLE
  const wanted = pathMajor.startsWith('.v') ? pathMajor.replace(/-unstable$/, '') : pathMajor
  // An old bug produced v0.0.0- for untagged revisions of gopkg.in/*.v1, which go.mod files contain.
  if (wanted === '.v1' && version.startsWith('v0.0.0-')) return true
  return wanted.slice(1) === `v${major}`
}

/** Checks the three forms of pseudo-versions; no findings for another version. */
function judgePseudo(said: string, semver: Semver, pathMajor: string): Broken[] {
  const [match, before, time, revision] = PSEUDO.exec(semver.prerelease) ?? []
  const { major, minor, patch, build } = semver
  // SPEC: pseudoVersionRE: without a base, the version before the dash is vX.0.0; else it is an ordinary prerelease.
  const hasBase = before !== undefined
  if (match === undefined || (!hasBase && (minor !== '0' || patch !== '0'))) return []
  const found: Broken[] = []
  // SPEC: PseudoVersionBase. The first two were seen in the public index of 2019: golang/go#27173.
  if (before === '0.' && patch === '0')
    found.push(broken('pseudo-base', `${said} would follow a negative patch number`))
  else if (!hasBase && build !== '') found.push(broken('pseudo-base', `${said} has no base, and has ${quoted(build)}`))
  else if (!hasBase && major === '1' && pathMajor === '') {
    found.push(broken('pseudo-base', `${said} has no base, and should be v0`))
  }
  if (!isTime(time!)) found.push(broken('pseudo-time', `${said} has no plausible date and time`))
  if (!/^[0-9a-f]{12}$/.test(revision!)) {
    found.push(broken('pseudo-revision', `${said} does not end with 12 hexadecimal digits`))
  }
  return found
}

/** Whether 14 digits are a date of 1970 or later, and a time of day. */
function isTime(digits: string): boolean {
  const [year, month, day, hour, minute, second] = /^(....)(..)(..)(..)(..)(..)$/
    .exec(digits)!
    .slice(1)
    .map(Number) as [number, number, number, number, number, number]
  return year >= 1970 && day >= 1 && day <= daysOf(year, month) && hour <= 23 && minute <= 59 && second <= 59
}

/** The number of days of a month; 0 if there is no such month. */
export function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  if (month < 1 || month > 12) return 0
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
