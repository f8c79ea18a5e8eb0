/** Versions, as in golang.org/x/mod/semver. */
import { describe, expect, it } from 'vitest'
import { compareVersions, isCanonicalVersion, isPseudoVersion } from '../../src/mirror/versions.js'

describe('versions', () => {
  it.each(['v0.0.0', 'v1.2.3', 'v1.2.3-rc.1', 'v2.0.0+incompatible', 'v0.0.0-20200101000000-abcdefabcdef', 'v1.0.0--'])(
    '%s is canonical',
    (version) => expect(isCanonicalVersion(version)).toBe(true),
  )

  it.each([
    ...['v1', 'v1.2', '1.2.3', 'v01.2.3', 'v1.2.3-', 'v1.2.3-01', 'v1.2.3+meta', 'v1.2.3-a..b', 'main', ''],
    ...['v1.2.3\n', ' v1.2.3', 'v1.2.3/../x', `v1.2.3-${'a'.repeat(300)}`],
  ])('%j is not', (version) => expect(isCanonicalVersion(version)).toBe(false))

  it.each<[string, boolean]>([
    ['v0.0.0-20200101000000-abcdefabcdef', true],
    ['v1.2.4-0.20200101000000-abcdefabcdef', true],
    ['v1.2.3-rc.0.20200101000000-abcdefabcdef', true],
    ['v2.0.0-20200101000000-abcdefabcdef+incompatible', true],
    ['v1.2.3-20200101', false],
    // Go's are after vX.0.0, or a zero.
    ['v1.2.3-20200101000000-abcdefabcdef', false],
    ['v1.2.1-0-20200101000000-abcdefabcdef', false],
    ['v1.2.3-rc1', false],
    ['v1.2.3', false],
  ])('%s is a pseudo-version: %s', (version, isPseudo) => expect(isPseudoVersion(version)).toBe(isPseudo))

  it('are sorted in semver order', () => {
    // SPEC: semver.org 2.0.0, 11.4, with more around it.
    const ordered = [
      ...['v0.0.0', 'v0.9.9', 'v1.0.0-alpha', 'v1.0.0-alpha.1', 'v1.0.0-alpha.beta', 'v1.0.0-beta', 'v1.0.0-beta.2'],
      ...['v1.0.0-beta.11', 'v1.0.0-rc.1', 'v1.0.0', 'v1.2.0', 'v1.10.0', 'v2.0.0', 'v2.0.0+incompatible', 'v10.0.0'],
    ]
    for (let i = 0; i < ordered.length; i++) {
      for (let j = 0; j < ordered.length; j++) {
        expect(Math.sign(compareVersions(ordered[i]!, ordered[j]!)), `${ordered[i]!} ${ordered[j]!}`).toBe(
          Math.sign(i - j),
        )
      }
    }
  })
})
