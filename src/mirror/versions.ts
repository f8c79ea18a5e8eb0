/**
 * Versions of modules: which are canonical, which are pseudo-versions, and how they are ordered
 * (golang.org/x/mod/semver).
 *
 * Pure. Linear in the length of a version.
 */

/** The numbers and the prerelease, optionally followed by `+incompatible`. */
const CANONICAL =
  /^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-((?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+incompatible)?$/
/** A pseudo-version: vX.0.0, or a base and a zero, followed by a time and a revision (golang.org/x/mod/module). */
const PSEUDO = /^v[0-9]+\.(?:0\.0-|[0-9]+\.[0-9]+-(?:[^+]*\.)?0\.)[0-9]{14}-[A-Za-z0-9]+(?:\+incompatible)?$/
/** The longest version, in characters. */
const MAX_VERSION_LENGTH = 256

/** Whether a text is a version in the form in which the go command writes it to go.mod files. */
export function isCanonicalVersion(text: string): boolean {
  return text.length <= MAX_VERSION_LENGTH && CANONICAL.test(text)
}

/** Whether a canonical version is a pseudo-version, which lists of versions never contain. */
export function isPseudoVersion(version: string): boolean {
  return PSEUDO.test(version)
}

/** Negative if the first of two canonical versions precedes the second. `+incompatible` decides last. */
export function compareVersions(a: string, b: string): number {
  const [first, second] = [partsOf(a), partsOf(b)]
  for (let i = 0; i < 3; i++) {
    const order = compareNumbers(first.numbers[i]!, second.numbers[i]!)
    if (order !== 0) return order
  }
  return comparePrereleases(first.prerelease, second.prerelease) || compareTexts(a, b)
}

function partsOf(version: string): { readonly numbers: readonly string[]; readonly prerelease: string } {
  const [, major = '0', minor = '0', patch = '0', prerelease = ''] = CANONICAL.exec(version) ?? []
  return { numbers: [major, minor, patch], prerelease }
}

function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0
  // SPEC: semver.org 2.0.0, 11: a release comes after its prereleases; numbers come before words, fewer fields before more.
  if (a === '') return 1
  if (b === '') return -1
  const [first, second] = [a.split('.'), b.split('.')]
  for (let i = 0; i < Math.min(first.length, second.length); i++) {
    const [one, other] = [first[i]!, second[i]!]
    if (one === other) continue
    const [isNumber, isOtherNumber] = [/^[0-9]+$/.test(one), /^[0-9]+$/.test(other)]
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
    return isNumber ? compareNumbers(one, other) : compareTexts(one, other)
  }
  return first.length - second.length
}

/** Decimal numbers of any length, without leading zeros. */
function compareNumbers(a: string, b: string): number {
  return a.length - b.length || compareTexts(a, b)
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
