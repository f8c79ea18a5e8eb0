/** What `gossum explain` prints about error codes. */
import { expect, test } from 'vitest'
import { ERRORS, traitsOf } from '../../../src/errors.js'
import { gossum, jsonError } from '../../helpers/cli.js'

test('says what a code means and what to do, in upper or lower case', async () => {
  const upper = await gossum(['explain', 'STATE_DISAGREES'])
  expect(upper).toMatchObject({ code: 0, stderr: '' })
  const [sentence, hint] = ERRORS.STATE_DISAGREES
  for (const words of ['STATE_DISAGREES', sentence, hint, '503', '1 (could not)']) expect(upper.stdout).toContain(words)
  expect(await gossum(['explain', 'state_disagrees'])).toEqual(upper)
})

test('prints JSON for one code or all', async () => {
  const { stdout } = await gossum(['explain', 'NOTE_MALFORMED', '--json'])
  const [message, hint] = ERRORS.NOTE_MALFORMED
  const { status, exit, gossip, retryable } = traitsOf('NOTE_MALFORMED')
  expect(JSON.parse(stdout)).toEqual({ code: 'NOTE_MALFORMED', message, hint, status, exit, gossip, retryable })
  const all = (await gossum(['explain', '--json'])).stdout.trimEnd().split('\n')
  expect(all.map((line) => (JSON.parse(line) as { code: string }).code)).toEqual(Object.keys(ERRORS))
  const plain = (await gossum(['explain'])).stdout.trimEnd().split('\n')
  expect(plain.map((line) => line.split(' ', 1)[0])).toEqual(Object.keys(ERRORS))
})

test.each([
  ['STATE_DISAGREE', 'did you mean STATE_DISAGREES?'],
  ['log-frozn', 'did you mean LOG_FROZEN?'],
  ['\x1b[8m', 'gossum explain lists them all'],
  ['constructor', 'gossum explain lists them all'],
])('refuses the unknown code %j', async (given, hint) => {
  const { code, stdout, stderr } = await gossum(['explain', given])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^gossum: .*there is no error code/)
  expect(stderr).toContain(`hint: ${hint}\n`)
  expect(stderr).not.toContain('\x1b')
  expect(jsonError(await gossum(['explain', given, '--json']))).toMatchObject({ code: 'USAGE', hint })
})
